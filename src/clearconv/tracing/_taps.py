"""Which numbers of a layer met, according to its chapter."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from clearconv.ops.geometry.tables import AxisTaps, Pairs


@dataclass(frozen=True)
class Taps:
    """Which rows, columns and channels of a layer met.

    Output (p, q) met input (r, t) under kernel element (i, j) if rows p, i, r met and columns
    q, j, t did.

    Attributes
    ----------
    rows, columns : AxisTaps
        Meetings along the axes of the maps.
    channels : tuple of (int, int)
        Output channel -> first input channel that it sees, and the one after the last.
    """

    rows: AxisTaps
    columns: AxisTaps
    channels: Pairs


def taps_of(
    chapter: str | None,
    arguments: dict[str, Any],
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
) -> Taps | None:
    """Return the tables of a layer; None for a chapter without a window.

    Parameters
    ----------
    chapter : str, optional
        Operation that it runs; its folder has a ``taps.py`` if it has a window.
    arguments : dict
        Arguments of the layer's constructor.
    x_shape, y_shape : tuple of int
        Shapes of input and output, including the batch axis.
    """
    found = _module(chapter) if chapter is not None and len(x_shape) == 4 else None
    if found is None:
        return None
    rows, columns = found.axes(x_shape[2:], y_shape[2:], arguments)
    C, O = x_shape[1], y_shape[1]
    groups = arguments.get("groups", C)  # a layer without groups keeps its channels separate
    share, own = O // groups, C // groups  # channels of a group
    starts = [o // share * own for o in range(O)]
    return Taps(rows, columns, tuple((start, start + own) for start in starts))


@cache
def _module(chapter: str) -> Any:
    name = f"clearconv.ops.{chapter}.taps"
    return import_module(name) if find_spec(name) is not None else None
