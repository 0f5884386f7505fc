"""Activations: one function, element by element, inside a layer or as a layer."""

import re
from functools import lru_cache

import numpy as np

from clearconv.layers.activation.kinds import activate, deactivate
from clearconv.ops import activation
from clearconv.tracing._data import LayerTrace
from clearconv.tracing._explanation import Factor, Index, Step
from clearconv.tracing._print import signed
from clearconv.tracing._sums import Column, products
from clearconv.tracing.chapters.explainer import (
    Derivation,
    Derivations,
    Explainer,
    renamed,
    written,
)


class Activation(Explainer):
    """An activation that is a layer of its own."""

    explains = ("activation",)

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x."""
        return {
            "y": lambda index: activated(self.layer, "x", index),
            "grad_x": lambda index: deactivated(self.layer, "grad_x", "x", index),
        }


def activated(layer: LayerTrace, name: str, index: Index) -> Derivation:
    """Explain f(x), where x is the layer's array of this name."""
    x = Column.of(layer.path, name, getattr(layer, name), *index).factor(0)
    if layer.activation == "identity":
        return _derived(name, "forward", value=x)
    f = _rules().get(layer.activation, (f"{layer.activation}(x)", ""))[0]
    y = _forward(layer, x.value)
    step = Step("y", _filled(f, layer, x=x.value, y=y), y, (x,))
    return _derived(name, "forward", step=step)


def deactivated(layer: LayerTrace, quantity: str, name: str, index: Index) -> Derivation:
    """Explain f'(x) dy: the gradient of an activation's input."""
    x = Column.of(layer.path, name, getattr(layer, name), *index).factor(0)
    error = Column.of(layer.path, "grad_y", layer.grad_y, *index)
    if layer.activation == "identity":
        return _derived(name, "backward_input", value=error.factor(0))
    slope = _derivative(layer, x.value)
    rule = _rules().get(layer.activation, ("", f"{layer.activation}'(x)"))[1]
    filled = _filled(rule, layer, x=x.value, y=_forward(layer, x.value))
    note = f"f' at {name} = {x.value:.6g}: {filled}"
    formula, reference = _written(name, "backward_input")
    bend = Column(layer.path, "f'", np.array([index], np.intp), np.array([slope]))
    return Derivation(
        "ops.activation.loops.backward_input",
        formula,
        reference,
        sums=(products(bend, error),),
        note=note,
    )


def _derived(
    name: str, function: str, step: Step | None = None, value: Factor | None = None
) -> Derivation:
    formula, reference = _written(name, function)
    sums = () if value is None else (products(_as_column(value)),)
    steps = () if step is None else (step,)
    return Derivation(
        f"ops.activation.loops.{function}", formula, reference, sums=sums, steps=steps
    )


def _written(name: str, function: str) -> tuple[str, str]:
    """Return formula and reference; around an activation inside a layer x is called net."""
    formula, reference = written(f"activation.{function}")
    if name == "net":
        formula = renamed(formula, x=r"\mathrm{net}", dx=r"\delta")
    return formula, reference


def _as_column(factor: Factor) -> Column:
    places = np.array([factor.index], np.intp)
    return Column(factor.path, factor.array, places, np.array([factor.value]))


def _forward(layer: LayerTrace, x: float) -> float:
    """Return f(x) in double precision."""
    return float(activate(layer.activation, np.array([x]), layer.slope)[0][0])


def _derivative(layer: LayerTrace, x: float) -> float:
    """Return f'(x) in double precision."""
    saved = activate(layer.activation, np.array([x]), layer.slope)[1]
    return float(deactivate(layer.activation, np.ones(1), saved)[0])


@lru_cache(maxsize=1)
def _rules() -> dict[str, tuple[str, str]]:
    """Read kind -> f(x), f'(x) from the table in the chapter's docstring."""
    text = activation.__doc__ or ""
    ruler, rows, _ = re.findall(r"^=+ =+ =+\n|(?:^(?!=).*\n)+?(?=^=)", text, re.M)[-3:]
    return _table(ruler, rows)


def _table(ruler: str, rows: str) -> dict[str, tuple[str, str]]:
    """Cut rows at the ruler's gaps; a row without a kind continues the last one's."""
    spans = [found.span() for found in re.finditer("=+", ruler)]
    rules: dict[str, tuple[str, str]] = {}
    kind = ""
    for row in rows.splitlines():
        cells = [
            row[start : end if number < 2 else None].strip()
            for number, (start, end) in enumerate(spans)
        ]
        kind = cells[0] or kind
        before = rules.get(kind, ("", ""))
        rules[kind] = (f"{before[0]} {cells[1]}".strip(), f"{before[1]} {cells[2]}".strip())
    return rules


def _filled(rule: str, layer: LayerTrace, **numbers: float) -> str:
    """Replace x, y and slope by numbers."""
    numbers["slope"] = layer.slope
    for name, value in numbers.items():
        rule = re.sub(rf"\b{name}\b", signed(value), rule)
    return rule
