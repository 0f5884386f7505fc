"""Any function of one number."""

from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers.elementary.elementwise import Elementwise

LAYERS = (Elementwise,)

_SAME = {
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "sin": "Sin",
    "cos": "Cos",
    "erf": "Erf",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "softplus": "Softplus",
    "softsign": "Softsign",
}
_WITH_NUMBERS = {
    "elu": ("Elu", "alpha"),
    "celu": ("Celu", "alpha"),
    "selu": ("Selu", "alpha", "gamma"),
    "hard_sigmoid": ("HardSigmoid", "alpha", "beta"),
    "thresholded_relu": ("ThresholdedRelu", "alpha"),
}


def write(node: Elementwise, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator of the function, or those of its formula."""
    kind, (x,) = str(node.arguments["function"]), inputs
    if kind in _SAME:
        return to.op(_SAME[kind], x)
    if kind in _WITH_NUMBERS:
        operator, *names = _WITH_NUMBERS[kind]
        attributes: dict[str, Any] = dict(zip(names, node.numbers, strict=True))
        return to.op(operator, x, **attributes)
    return _FORMULAS[kind](x, to, *node.numbers)


def _scalar(value: float, to: Writer) -> str:
    return to.constant(value, "number", "float32")


def _affine(x: str, to: Writer, a: float, b: float) -> str:
    if (a, b) == (-1, 0):
        return to.op("Neg", x)
    if a == -1:
        return to.op("Sub", _scalar(b, to), x)
    y = x if a == 1 else to.op("Mul", x, _scalar(a, to))
    return y if b == 0 and a != 1 else to.op("Add", y, _scalar(b, to))


def _clip(x: str, to: Writer, low: float | None, high: float | None) -> str:
    bounds = ["" if one is None else _scalar(one, to) for one in (low, high)]
    return to.op("Clip", x, *(bounds if bounds[1] else bounds[:1]))


def _wrap(x: str, to: Writer, low: float, size: float) -> str:
    """X - size floor((x - low) / size)."""
    turns = to.op("Div", to.op("Sub", x, _scalar(low, to)), _scalar(size, to))
    return to.op("Sub", x, to.op("Mul", to.op("Floor", turns), _scalar(size, to)))


def _swish(x: str, to: Writer, alpha: float) -> str:
    return to.op("Mul", x, to.op("Sigmoid", to.op("Mul", x, _scalar(alpha, to))))


def _gelu(x: str, to: Writer) -> str:
    bell = to.op("Erf", to.op("Div", x, _scalar(sqrt(2), to)))
    return _half(x, bell, to)


def _gelu_tanh(x: str, to: Writer) -> str:
    cube = to.op("Mul", to.op("Pow", x, _scalar(3.0, to)), _scalar(0.044715, to))
    inner = to.op("Mul", to.op("Add", x, cube), _scalar(sqrt(2 / pi), to))
    return _half(x, to.op("Tanh", inner), to)


def _half(x: str, y: str, to: Writer) -> str:
    """0.5 x (1 + y)."""
    half = to.op("Mul", x, _scalar(0.5, to))
    return to.op("Mul", half, to.op("Add", y, _scalar(1.0, to)))


_FORMULAS: dict[str, Callable[..., str]] = {
    "affine": _affine,
    "clip": _clip,
    "wrap": _wrap,
    "swish": _swish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "power": lambda x, to, a: to.op("Pow", x, _scalar(a, to)),
    "exponential": lambda x, to, a: to.op("Pow", _scalar(a, to), x),
    "square": lambda x, to: to.op("Mul", x, x),
    "mish": lambda x, to: to.op("Mul", x, to.op("Tanh", to.op("Softplus", x))),
    "truncate": lambda x, to: to.op("Mul", to.op("Sign", x), to.op("Floor", to.op("Abs", x))),
}
