"""Explainers of each chapter's layers: one class per family, one method per quantity.

A chapter of a new kind needs a file in this folder, with an ``Explainer`` that names the chapter;
one that only distributes its inputs, as averages do, is explained by its ``taps.py``.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from clearconv.tracing._data import LayerTrace
from clearconv.tracing.chapters.explainer import EXPLAINERS, Explainer
from clearconv.tracing.chapters.pooling import Resampling


def explainer_of(layer: LayerTrace) -> Explainer | None:
    """Return the explainer of a layer's numbers.

    None for the user's own layer, and for a chapter that nothing here explains.
    """
    if layer.own:
        return None
    if (kind := _explainers().get(layer.chapter or layer.type)) is not None:
        return kind(layer)
    taps = layer.taps
    return Resampling(layer) if taps is not None and taps.rows.shares is not None else None


def saved_by(chapter: str | None) -> tuple[str, ...]:
    """Name the interesting arrays that a chapter's layers save for backward."""
    kind = _explainers().get(chapter or "")
    return kind.saves if kind is not None else ()


@cache
def _explainers() -> dict[str, type[Explainer]]:
    """Import every file of this folder, whose explainers register themselves."""
    for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
        import_module(f"{__name__}.{file.stem}")
    return EXPLAINERS
