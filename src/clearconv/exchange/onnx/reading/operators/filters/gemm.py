"""Gemm and MatMul: products with a matrix of weights."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator
from clearconv.exchange.onnx.reading.values import Given, Refused, Value
from clearconv.layers import Linear
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.matmul import MatMul


def read_gemm(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Alpha A B + beta C: a ``Linear`` where A is the input and B and C are constants."""
    a, w, c = (*inputs, None)[:3]
    alpha, beta = number(operator, "alpha", 1.0), number(operator, "beta", 1.0)
    turned = whole(operator, "transA", 0), whole(operator, "transB", 0)
    if isinstance(a, Value) and isinstance(w, np.ndarray) and b.batched and not turned[0]:
        weight = _scaled(w if turned[1] else w.T, alpha)
        bias = _row(c, weight.shape[0]) if isinstance(c, np.ndarray) else None
        y = _linear(operator, a, weight, None if bias is None else _scaled(bias, beta), b)
        if c is None or bias is not None:
            return [y]
    else:
        y = _product(_turned(a, turned[0], b), _turned(w, turned[1], b), operator, b)
        y = y if alpha == 1 else b.add(Elementwise("affine", (alpha, 0.0)), y)
        if c is None:
            return [y]
    if isinstance(c, np.ndarray):
        c = _scaled(c, beta)
    elif beta != 1:
        c = b.add(Elementwise("affine", (beta, 0.0)), c)
    return [combined("Add", (y, c), operator, b)]


def read_matmul(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """A B: a ``Linear`` for rows of features times a constant, else a product of two values."""
    a, w = inputs
    rows = isinstance(a, Value) and len(a.shape) == 2 and b.batched
    if isinstance(a, Value) and isinstance(w, np.ndarray) and rows and w.ndim == 2:
        return [_linear(operator, a, w.T, None, b)]
    return [_product(a, w, operator, b)]


def _linear(
    operator: Operator, x: Value, weight: AnyArray, bias: AnyArray | None, b: Building
) -> Value:
    if weight.ndim != 2:
        raise Refused(f"a matrix of shape {weight.shape}")
    layer = Linear(weight.shape[0], bias=bias is not None)
    weights = {"weight": weight} | ({} if bias is None else {"bias": bias})
    return b.add(layer, x, name=b.names.of(operator), weights=weights)


def _scaled(array: AnyArray, factor: float) -> AnyArray:
    return array if factor == 1 else (array * factor).astype(array.dtype)


def _row(c: AnyArray, width: int) -> AnyArray | None:
    """Return what is added to every row, if it is the same for all."""
    if c.ndim > 2 or (c.ndim == 2 and c.shape[0] != 1):
        return None
    return np.broadcast_to(c.reshape(-1), (width,)) if c.size in (1, width) else None


def _turned(given: Given, turn: int, b: Building) -> Given:
    if not turn:
        return given
    return given.T if isinstance(given, np.ndarray) else b.permuted(given, (1, 0))  # type: ignore[arg-type]


def _product(a: Given, w: Given, operator: Operator, b: Building) -> Value:
    """Return the product of two values, of which one may be a constant."""
    if a is None or w is None:
        raise Refused("an input is missing")
    shapes = [one.shape for one in (a, w)]
    ends = [shape[-1:] if place == 0 else shape[-2:-1] for place, shape in enumerate(shapes)]
    vectors = [len(shape) == 1 for shape in shapes]
    if vectors[1]:
        ends[1] = shapes[1]
    if not all(shapes) or ends[0] != ends[1]:
        raise Refused(f"a product of {shapes[0]} and {shapes[1]}")
    # a vector is a matrix of one row, or of one column, and loses that axis afterwards
    full = [
        (1, *s) if v and p == 0 else (*s, 1) if v else s
        for p, (s, v) in enumerate(zip(shapes, vectors, strict=True))
    ]
    axes = max(map(len, full))
    values = []
    for place, (one, shape) in enumerate(zip((a, w), full, strict=True)):
        shape = (1,) * (axes - len(shape)) + shape
        if isinstance(one, Value):
            values.append(b.reshape(one, shape))
        else:
            name = operator.inputs[place]
            values.append(b.operand(one.reshape(shape), axes, name))
    y = b.add(MatMul(), *values)
    stay = list(y.shape)
    if vectors[1]:
        del stay[-1]
    if vectors[0]:
        del stay[-1 if vectors[1] else -2]
    return b.reshape(y, stay)


READERS = {
    "Gemm": Reader(read_gemm, "alpha beta transA transB broadcast"),
    "MatMul": Reader(read_matmul),
}
