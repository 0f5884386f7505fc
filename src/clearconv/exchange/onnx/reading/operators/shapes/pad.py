"""Pad: with a number, with the edge, or with what lies opposite."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import normal
from clearconv.exchange.onnx.reading.values import Given, Refused, Value, optional, value_of

_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "wrap": "wrap"}


def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the larger image; a negative pad cuts off."""
    x, pads, fill, axes = (*inputs, None, None, None)[:4]
    x = value_of(x, "the image")
    pads, fill = optional(pads, "the pads"), optional(fill, "the number")
    axes = optional(axes, "the axes")
    given = operator.attributes.get("pads", operator.attributes.get("paddings"))
    listed = given if pads is None else pads.reshape(-1).tolist()
    along = list(range(len(x.shape))) if axes is None else axes.reshape(-1).tolist()
    if listed is None or len(listed) != 2 * len(along):
        raise Refused(f"attribute pads={listed} for {len(along)} axes")
    value = number(operator, "value", 0.0) if fill is None else float(fill.reshape(()))
    mode = operator.attributes.get("mode", "constant")
    if mode not in _MODES:
        raise Refused(f"attribute mode={mode!r}")
    sides = {
        normal(int(axis), len(x.shape)): (int(before), int(after))
        for axis, before, after in zip(
            along, listed[: len(along)], listed[len(along) :], strict=True
        )
    }
    x = _cut(x, sides, b)
    sides = {axis: (max(0, p), max(0, q)) for axis, (p, q) in sides.items() if p > 0 or q > 0}
    if not sides:
        return [x]
    if mode == "constant":
        return [b.padded(x, sides, value)]
    for axis, (before, after) in sides.items():
        size = x.shape[axis]
        if before + after > 2**20 or (mode == "reflect" and size == 1):
            raise Refused(f"attribute pads={listed} for {x.shape}")
        places = np.pad(np.arange(size), (before, after), mode=_MODES[mode])  # type: ignore[call-overload]
        x = b.taken(x, axis, places.tolist())
    return [x]


def _cut(x: Value, sides: dict[int, tuple[int, int]], b: Building) -> Value:
    cut = [slice(None)] * len(x.shape)
    for axis, (before, after) in sides.items():
        cut[axis] = slice(max(0, -before), x.shape[axis] + min(0, after))
    changed = any(before < 0 or after < 0 for before, after in sides.values())
    return b.sliced(x, cut) if changed else x


READERS = {"Pad": Reader(read, "mode pads paddings value")}
