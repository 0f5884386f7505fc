"""Add, Sub, Mul, Div, Pow, Min, Max, Sum and Mean of tensors and constants."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, shortest
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, MixedBatch, Refused, Value
from clearconv.layers import Add, Divide, Multiply, Node, Subtract
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.pairs import Larger, Power, Smaller

_LAYERS: dict[str, Callable[[], Node]] = {
    "Add": Add,
    "Sub": Subtract,
    "Mul": Multiply,
    "Div": Divide,
    "Pow": Power,
    "Max": Larger,
    "Min": Smaller,
}

#: Operator -> function and numbers for x op c, and for c op x.
_WITH_NUMBER: dict[str, tuple[Callable[[float], Any], Callable[[float], Any]]] = {
    "Add": (lambda c: ("affine", 1.0, c), lambda c: ("affine", 1.0, c)),
    "Sub": (lambda c: ("affine", 1.0, -c), lambda c: ("affine", -1.0, c)),
    "Mul": (lambda c: ("affine", c, 0.0), lambda c: ("affine", c, 0.0)),
    "Pow": (lambda c: ("power", c), lambda c: ("exponential", c)),
    "Max": (lambda c: ("clip", c, None), lambda c: ("clip", c, None)),
    "Min": (lambda c: ("clip", None, c), lambda c: ("clip", None, c)),
}


def combined(
    kind: str,
    operands: Sequence[Given],
    operator: Operator,
    b: Building,
    names: Sequence[str] = (),
) -> Value:
    """Return an operation between tensors of the model and constants.

    Parameters
    ----------
    kind : {"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max"}
        The operation; sums, products, smallest and largest take any number of operands.
    operands : sequence of Value or ndarray
        What it is between.
    operator : Operator
        The operator that is read.
    b : Building
        The graph so far.
    names : sequence of str
        Names of those that are stored tensors, which are learnt in training.

    Raises
    ------
    Refused
        If they do not go together.
    """
    values = [one for one in operands if isinstance(one, Value)]
    if not values or any(one is None for one in operands):
        raise Refused("an operand is missing")
    first = operands[0]
    assert first is not None
    dtype = first.dtype
    if len(operands) == 1:
        return values[0]
    y = _with_number(kind, operands, b, dtype)
    if y is None:
        y = b.add(_LAYERS[kind](), *operands_of(operands, names, b), dtype=dtype)
    return _as_integers(y, kind, b) if dtype.kind in "iu" else y


def operands_of(operands: Sequence[Given], names: Sequence[str], b: Building) -> list[Value]:
    """Return tensors and constants as values that are broadcast image by image."""
    values = [one for one in operands if isinstance(one, Value)]
    axes = max(len(one.shape) for one in operands if one is not None)
    if b.batched and any(len(one.shape) < axes for one in values):
        raise MixedBatch("a tensor with fewer axes is repeated along the batch")
    return [
        one if isinstance(one, Value) else b.operand(one, axes, name)
        for one, name in zip(operands, [*names, *[""] * len(operands)], strict=False)
        if one is not None
    ]


def _with_number(
    kind: str, operands: Sequence[Given], b: Building, dtype: np.dtype[Any]
) -> Value | None:
    """Return the operation with a single number, if it is one."""
    if len(operands) != 2:
        return None
    for place, (one, other) in enumerate((tuple(operands), tuple(reversed(operands)))):
        if not isinstance(one, Value) or not isinstance(other, np.ndarray) or other.size != 1:
            continue
        c = float(other.reshape(()))
        c = shortest(c)
        if other.ndim > len(one.shape) or not np.isfinite(c):
            return None
        if kind == "Div" and place == 0 and c and dtype.kind == "f" and float(1 / c) * c == 1:
            function, *numbers = "affine", 1 / c, 0.0
        elif kind in _WITH_NUMBER:
            function, *numbers = _WITH_NUMBER[kind][place](c)
        else:
            return None
        return b.add(Elementwise(function, tuple(numbers)), one, dtype=dtype)
    return None


def _as_integers(y: Value, kind: str, b: Building) -> Value:
    """Return what an integer dtype makes of a result: towards 0, and modulo its range."""
    info = np.iinfo(y.dtype)
    if kind in ("Div", "Pow"):
        y = b.add(Elementwise("truncate"), y)
    if kind in ("Add", "Sub", "Mul", "Pow") and info.bits <= 32:
        y = b.add(Elementwise("wrap", (float(info.min), float(2**info.bits))), y)
    return y


def _reader(kind: str) -> Reader:
    def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
        given = list(inputs)
        if operator.attributes.get("broadcast") and len(given) == 2:
            given[1] = _placed(given[0], given[1], operator, b)
        return [combined(kind, given, operator, b, operator.inputs)]

    return Reader(read, "broadcast axis")


def _placed(a: Given, w: Given, operator: Operator, b: Building) -> Given:
    """Return the second operand as the broadcasting before opset 7 placed it: at an axis."""
    axis = operator.attributes.get("axis")
    if axis is None or a is None or w is None:
        return w
    after = len(a.shape) - axis % max(1, len(a.shape)) - len(w.shape)
    if after < 0:
        raise Refused(f"attribute axis={axis} for {w.shape} in {a.shape}")
    shape = (*w.shape, *(1,) * after)
    return b.reshape(w, shape) if isinstance(w, Value) else w.reshape(shape)


def _mean(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    total = combined("Add", inputs, operator, b, operator.inputs)
    if len(inputs) == 1:
        return [total]
    return [b.add(Elementwise("affine", (1 / len(inputs), 0.0)), total)]


READERS: dict[str, Reader] = {
    **{kind: _reader(kind) for kind in ("Add", "Sub", "Mul", "Div", "Pow")},
    **{kind: _reader(kind) for kind in ("Min", "Max")},
    "Sum": _reader("Add"),
    "Mean": Reader(_mean),
}
