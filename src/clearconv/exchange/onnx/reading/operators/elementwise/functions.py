"""Functions of one number: activations and arithmetic."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearconv.errors import ClearconvError
from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.tensors import dtype_of
from clearconv.exchange.onnx.reading.values import Given, Refused, Value, optional, value_of
from clearconv.layers import (
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    Node,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Tanh,
)
from clearconv.layers.elementary.elementwise import Elementwise

_SELU = 1.67326319217681884765625, 1.05070102214813232421875
_SIXTH = float(np.float32(1 / 6))


def _reader(make: Callable[[Operator], Node], attributes: str = "") -> Reader:
    def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
        return [b.add(make(operator), value_of(inputs[0], "the input"))]

    return Reader(read, attributes)


def _plain(function: str) -> Reader:
    return _reader(lambda operator: Elementwise(function))


def _with_alpha(function: str, default: float) -> Reader:
    return _reader(
        lambda operator: Elementwise(function, (number(operator, "alpha", default),)), "alpha"
    )


def _hard_sigmoid(operator: Operator) -> Node:
    alpha = operator.attributes.get("alpha", 0.2)
    beta = number(operator, "beta", 0.5)
    if abs(alpha - _SIXTH) < 1e-7 and beta == 0.5:
        return Hardsigmoid()
    return Elementwise("hard_sigmoid", (number(operator, "alpha", 0.2), beta))


def _selu(operator: Operator) -> Node:
    return Elementwise(
        "selu", (number(operator, "alpha", _SELU[0]), number(operator, "gamma", _SELU[1]))
    )


def _swish(operator: Operator) -> Node:
    alpha = number(operator, "alpha", 1.0)
    return SiLU() if alpha == 1 else Elementwise("swish", (alpha,))


def _gelu(operator: Operator) -> Node:
    how = operator.attributes.get("approximate", "none")
    if how not in ("none", "tanh"):
        raise Refused(f"attribute approximate={how!r}")
    return Elementwise("gelu" if how == "none" else "gelu_tanh")


def _clip(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the layer with these bounds: ReLU and ReLU6 where they are those."""
    x = value_of(inputs[0], "the input")
    bounds: list[float | None] = []
    for place, name in enumerate(("min", "max"), 1):
        given = optional(inputs[place], f"the bound {name}") if len(inputs) > place else None
        bound = operator.attributes.get(name) if given is None else given
        value = None if bound is None else float(np.asarray(bound).reshape(()))
        extreme = np.finfo(np.float32).max
        bounds.append(None if value is None or abs(value) >= extreme else value)
    if bounds == [0, None]:
        return [b.add(ReLU(), x)]
    if bounds == [0, 6]:
        return [b.add(ReLU6(), x)]
    return [x if bounds == [None, None] else b.add(Elementwise("clip", tuple(bounds)), x)]


def _prelu(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """max(x, 0) + slope (x - max(x, 0))."""
    x, slope = value_of(inputs[0], "the input"), inputs[1]
    if b.opset < 7 and isinstance(slope, np.ndarray) and slope.ndim == 1 < len(x.shape):
        slope = slope.reshape(-1, *(1,) * (len(x.shape) - 2))  # one for each channel
    positive = b.add(ReLU(), x)
    negative = combined("Sub", (x, positive), operator, b)
    part = combined("Mul", (negative, slope), operator, b, ("", operator.inputs[1]))
    return [combined("Add", (positive, part), operator, b)]


def _cast(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value as it is, since the graph computes in one dtype; see ``_as``."""
    try:
        dtype = dtype_of(operator.attributes.get("to", 0))
    except ClearconvError as error:
        raise Refused(str(error)) from None
    return [_as(dtype, value_of(inputs[0], "the input"), b)]


def _cast_like(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value in the dtype of another, as ``Cast`` does."""
    x, like = inputs
    if x is None or like is None:
        raise Refused("an input is missing")
    return [x.astype(like.dtype) if isinstance(x, np.ndarray) else _as(like.dtype, x, b)]


def _as(dtype: np.dtype[Any], x: Value, b: Building) -> Value:
    """Return the value as another dtype: integers lose the fraction, and what their range lacks."""
    if dtype.kind == "b" and x.dtype.kind != "b":
        nonzero = b.add(Elementwise("abs"), b.add(Elementwise("sign"), x))
        return replace(nonzero, dtype=dtype)
    y = x
    if dtype.kind in "iu" and x.dtype.kind == "f":
        y = b.add(Elementwise("truncate"), x)
    if dtype.kind in "iu" and x.dtype.kind in "iu" and not np.can_cast(x.dtype, dtype):
        info = np.iinfo(dtype)
        y = b.add(Elementwise("wrap", (float(info.min), float(2**info.bits))), x)
    return replace(y, dtype=dtype)


READERS: dict[str, Reader] = {
    "Relu": _reader(lambda operator: ReLU()),
    "LeakyRelu": _reader(lambda operator: LeakyReLU(number(operator, "alpha", 0.01)), "alpha"),
    "Sigmoid": _reader(lambda operator: Sigmoid()),
    "Tanh": _reader(lambda operator: Tanh()),
    "HardSigmoid": _reader(_hard_sigmoid, "alpha beta"),
    "HardSwish": _reader(lambda operator: Hardswish()),
    "Swish": _reader(_swish, "alpha"),
    "Elu": _with_alpha("elu", 1.0),
    "Celu": _with_alpha("celu", 1.0),
    "Selu": _reader(_selu, "alpha gamma"),
    "ThresholdedRelu": _with_alpha("thresholded_relu", 1.0),
    "Softplus": _plain("softplus"),
    "Softsign": _plain("softsign"),
    "Mish": _plain("mish"),
    "Gelu": _reader(_gelu, "approximate"),
    "Erf": _plain("erf"),
    "Exp": _plain("exp"),
    "Log": _plain("log"),
    "Sqrt": _plain("sqrt"),
    "Reciprocal": _plain("reciprocal"),
    "Abs": _plain("abs"),
    "Sign": _plain("sign"),
    "Floor": _plain("floor"),
    "Ceil": _plain("ceil"),
    "Round": _plain("round"),
    "Sin": _plain("sin"),
    "Cos": _plain("cos"),
    "Neg": _reader(lambda operator: Elementwise("affine", (-1.0, 0.0))),
    "Clip": Reader(_clip, "min max"),
    "PRelu": Reader(_prelu),
    "Cast": Reader(_cast, "to saturate round_mode"),
    "CastLike": Reader(_cast_like, "saturate round_mode"),
}
