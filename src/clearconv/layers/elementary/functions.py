"""Functions of one number and their derivatives, by name."""

from collections.abc import Callable
from functools import cache
from math import erf, pi, sqrt
from typing import NamedTuple

import numpy as np

from clearconv.arrays import Array


class Function(NamedTuple):
    """A function of an array, element by element.

    Attributes
    ----------
    forward : callable
        f(x, *numbers).
    derivative : callable
        f'(x) as a function of x, of y = f(x), and of the same numbers.
    numbers : int
        Number of these numbers.
    """

    forward: Callable[..., Array]
    derivative: Callable[..., Array]
    numbers: int = 0


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_WIDTH, _STEPS = 6.0, 4096  # erf differs from 1 by 2e-17 at 6


@cache
def _erf_table() -> tuple[Array, Array]:
    places = np.linspace(-_WIDTH, _WIDTH, _STEPS + 1)
    slopes = 2 / sqrt(pi) * np.exp(-(places**2)) * (2 * _WIDTH / _STEPS)
    return np.array([erf(place) for place in places]), slopes


def erf_of(x: Array) -> Array:
    """Return the error function, by cubic interpolation between exact values and slopes.

    NumPy has none. At a distance h of the places the error is below h^4 max|f''''| / 384, here
    3e-12.
    """
    values, slopes = _erf_table()
    place = (np.clip(x, -_WIDTH, _WIDTH).astype(np.float64) + _WIDTH) * (_STEPS / (2 * _WIDTH))
    place = np.where(np.isnan(place), 0, place)
    i = np.minimum(place.astype(np.intp), _STEPS - 1)
    t = place - i
    y = values[i] * (1 + 2 * t) * (1 - t) ** 2 + values[i + 1] * t * t * (3 - 2 * t)
    y += slopes[i] * t * (1 - t) ** 2 + slopes[i + 1] * t * t * (t - 1)
    return np.where(np.isnan(x), np.nan, y).astype(x.dtype)


def _bell(x: Array) -> Array:
    """Density of the normal distribution."""
    return np.exp(-0.5 * x * x) / sqrt(2 * pi)


def _clip(x: Array, low: float | None, high: float | None) -> Array:
    x = x if low is None else np.maximum(x, x.dtype.type(low))
    return x.copy() if high is None and low is None else _below(x, high)


def _below(x: Array, high: float | None) -> Array:
    return x if high is None else np.minimum(x, x.dtype.type(high))


def _clip_slope(x: Array, y: Array, low: float | None, high: float | None) -> Array:
    inside = np.ones(x.shape, bool)
    if low is not None:
        inside &= x > low
    if high is not None:
        inside &= x < high
    return inside.astype(x.dtype)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))


def _gelu_tanh_slope(x: Array, y: Array) -> Array:
    t = np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))
    inner = sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


def _mish_slope(x: Array, y: Array) -> Array:
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


def _swish_slope(x: Array, y: Array, alpha: float) -> Array:
    s = sigmoid(alpha * x)
    return s + alpha * x * s * (1 - s)


def _flat(x: Array, y: Array, *numbers: float) -> Array:
    """Return 0: the slope of steps."""
    return np.zeros_like(x)


#: Name -> function. The numbers a and b are constants.
FUNCTIONS: dict[str, Function] = {
    "affine": Function(lambda x, a, b: x * a + b, lambda x, y, a, b: np.full_like(x, a), 2),
    "power": Function(np.power, lambda x, y, a: a * np.power(x, a - 1), 1),
    "exponential": Function(lambda x, a: np.power(a, x), lambda x, y, a: y * np.log(a), 1),
    "wrap": Function(lambda x, a, b: a + np.mod(x - a, b), lambda x, y, a, b: np.ones_like(x), 2),
    "clip": Function(_clip, _clip_slope, 2),
    "abs": Function(np.abs, lambda x, y: np.sign(x)),
    "exp": Function(np.exp, lambda x, y: y),
    "log": Function(np.log, lambda x, y: 1 / x),
    "sqrt": Function(np.sqrt, lambda x, y: 0.5 / y),
    "reciprocal": Function(np.reciprocal, lambda x, y: -y * y),
    "square": Function(np.square, lambda x, y: 2 * x),
    "sin": Function(np.sin, lambda x, y: np.cos(x)),
    "cos": Function(np.cos, lambda x, y: -np.sin(x)),
    "erf": Function(erf_of, lambda x, y: 2 / sqrt(pi) * np.exp(-x * x)),
    "sign": Function(np.sign, _flat),
    "floor": Function(np.floor, _flat),
    "ceil": Function(np.ceil, _flat),
    "round": Function(np.rint, _flat),
    "truncate": Function(np.trunc, _flat),
    "elu": Function(_elu, lambda x, y, a: np.where(x > 0, 1, a * np.exp(np.minimum(x, 0))), 1),
    "celu": Function(
        lambda x, a: _elu(x / a, 1.0) * a,
        lambda x, y, a: np.where(x > 0, 1, np.exp(np.minimum(x / a, 0))),
        1,
    ),
    "selu": Function(
        lambda x, a, b: b * _elu(x, a),
        lambda x, y, a, b: b * np.where(x > 0, 1, a * np.exp(np.minimum(x, 0))),
        2,
    ),
    "softplus": Function(softplus, lambda x, y: sigmoid(x)),
    "softsign": Function(lambda x: x / (1 + np.abs(x)), lambda x, y: (1 + np.abs(x)) ** -2),
    "mish": Function(lambda x: x * np.tanh(softplus(x)), _mish_slope),
    "swish": Function(lambda x, a: x * sigmoid(a * x), _swish_slope, 1),
    "gelu": Function(
        lambda x: 0.5 * x * (1 + erf_of(x / sqrt(2))),
        lambda x, y: 0.5 * (1 + erf_of(x / sqrt(2))) + x * _bell(x),
    ),
    "gelu_tanh": Function(_gelu_tanh, _gelu_tanh_slope),
    "hard_sigmoid": Function(
        lambda x, a, b: np.clip(a * x + b, 0, 1),
        lambda x, y, a, b: np.where((a * x + b > 0) & (a * x + b < 1), a, 0),
        2,
    ),
    "thresholded_relu": Function(
        lambda x, a: np.where(x > a, x, 0), lambda x, y, a: np.where(x > a, 1, 0), 1
    ),
}
