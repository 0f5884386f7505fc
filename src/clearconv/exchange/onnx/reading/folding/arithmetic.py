"""Arithmetic on constants."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator
from clearconv.exchange.onnx.reading.tensors import dtype_of

Given = Sequence[AnyArray | None]


def _each(function: Callable[..., Any]) -> Callable[[Operator, Given, int], list[AnyArray]]:
    """Return the fold of an elementwise function."""

    def fold(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
        if operator.attributes.get("broadcast") and "axis" in operator.attributes:
            raise ModelFileError("attribute axis of the broadcasting before opset 7")
        return [np.asarray(function(*inputs))]

    return fold


def _same_dtype(function: Callable[..., Any]) -> Callable[[Operator, Given, int], list[AnyArray]]:
    """Return the fold of a function whose result has the dtype of its first input."""

    def fold(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
        first = inputs[0]
        assert first is not None
        return [np.asarray(function(*inputs)).astype(first.dtype, copy=False)]

    return fold


def _divide(a: AnyArray, b: AnyArray) -> AnyArray:
    """Return a / b; for integers rounded towards 0, as ONNX does."""
    if a.dtype.kind not in "iu":
        return a / b
    if not np.all(b):
        raise ModelFileError("a division by 0")
    quotient = a // b
    if a.dtype.kind == "i":
        quotient += ((a % b != 0) & ((a < 0) != (b < 0))).astype(quotient.dtype)
    return quotient


def _modulo(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    a, b = inputs
    assert a is not None and b is not None
    return [np.asarray(np.fmod(a, b) if operator.attributes.get("fmod") else np.mod(a, b))]


def _several(function: Callable[..., Any]) -> Callable[[Operator, Given, int], list[AnyArray]]:
    """Return the fold of a function of two numbers that the operator applies to any number."""

    def fold(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
        total: Any = inputs[0]
        for one in inputs[1:]:
            total = function(total, one)
        return [np.asarray(total)]

    return fold


def _mean(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (total,) = _several(np.add)(operator, inputs, opset)
    return [(total / len(inputs)).astype(total.dtype)]


def _cast(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    to = operator.attributes.get("to")
    if not isinstance(to, int):
        raise ModelFileError(f"Cast to {to!r}")
    (x,) = inputs
    assert x is not None
    return [x.astype(dtype_of(to), copy=False)]


def _cast_like(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, like = inputs
    assert x is not None and like is not None
    return [x.astype(like.dtype, copy=False)]


def _clip(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, low, high = (*inputs, None, None)[:3]
    assert x is not None
    low = operator.attributes.get("min") if low is None else low
    high = operator.attributes.get("max") if high is None else high
    x = x if low is None else np.maximum(x, np.asarray(low, x.dtype))
    return [x if high is None else np.minimum(x, np.asarray(high, x.dtype))]


def _matmul(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    a, b = inputs
    assert a is not None and b is not None
    return [np.asarray(np.matmul(a, b))]


def _dequantised(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    """(x - zero point) * scale, one scale for all or one per slice along an axis."""
    x, scale, zero = (*inputs, None)[:3]
    assert x is not None and scale is not None
    if operator.attributes.get("block_size", 0):
        raise ModelFileError("attribute block_size")
    if scale.ndim == 1 and scale.size > 1:
        axis = operator.attributes.get("axis", 1)
        shape = [-1 if place == axis % x.ndim else 1 for place in range(x.ndim)]
        scale, zero = scale.reshape(shape), None if zero is None else zero.reshape(shape)
    difference = x.astype(np.float32) - (0 if zero is None else zero.astype(np.float32))
    return [(difference * scale).astype(scale.dtype)]


def _where(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    condition, a, b = inputs
    assert a is not None and b is not None
    return [np.asarray(np.where(np.asarray(condition, bool), a, b))]


ARITHMETIC = {
    "Add": _each(np.add),
    "Sub": _each(np.subtract),
    "Mul": _each(np.multiply),
    "Div": _each(_divide),
    "Mod": _modulo,
    "Pow": _same_dtype(np.power),
    "Neg": _each(np.negative),
    "Abs": _each(np.abs),
    "Sign": _each(np.sign),
    "Floor": _each(np.floor),
    "Ceil": _each(np.ceil),
    "Round": _each(np.rint),
    "Sqrt": _same_dtype(np.sqrt),
    "Exp": _same_dtype(np.exp),
    "Log": _same_dtype(np.log),
    "Reciprocal": _same_dtype(np.reciprocal),
    "Min": _several(np.minimum),
    "Max": _several(np.maximum),
    "Sum": _several(np.add),
    "Mean": _mean,
    "Equal": _each(np.equal),
    "Greater": _each(np.greater),
    "GreaterOrEqual": _each(np.greater_equal),
    "Less": _each(np.less),
    "LessOrEqual": _each(np.less_equal),
    "And": _each(np.logical_and),
    "Or": _each(np.logical_or),
    "Not": _each(np.logical_not),
    "Where": _where,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Clip": _clip,
    "MatMul": _matmul,
    "DequantizeLinear": _dequantised,
}
