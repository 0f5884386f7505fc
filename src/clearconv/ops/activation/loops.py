"""Activations number by number: each function next to its derivative."""

from collections.abc import Callable
from math import exp, tanh

import numpy as np

from clearconv.arrays import Array, zeros_like


def forward(x: Array, kind: str, slope: float, out: Array | None = None) -> Array:
    """Every number through f."""
    f = _FUNCTIONS[kind]
    y = zeros_like(x, out)
    for place in np.ndindex(x.shape):
        y[place] = f(float(x[place]), slope)
    return y


def backward_input(
    grad_y: Array, saved: Array, kind: str, slope: float, out: Array | None = None
) -> Array:
    """Every gradient times f', computed from the saved x or y; 0 where f is flat."""
    derivative = _DERIVATIVES[kind]
    grad_x = zeros_like(grad_y, out)
    for place in np.ndindex(grad_y.shape):
        known = float(saved[place])
        if kind not in _OPEN or _OPEN[kind](known):
            grad_x[place] = derivative(known, slope) * float(grad_y[place])
    return grad_x


def _sigmoid(v: float, slope: float) -> float:
    """1 / (1 + exp(-v)), written so that exp never grows beyond 1."""
    return 1 / (1 + exp(-v)) if v >= 0 else exp(v) / (1 + exp(v))


def _hardsigmoid(v: float, slope: float) -> float:
    """The line v / 6 + 1 / 2, cut off at 0 and at 1."""
    return 0.0 if v < -3 else 1.0 if v > 3 else (v + 3) / 6


def _hardswish_derivative(x: float, slope: float) -> float:
    """Slope of the parabola (x² + 3 x) / 6 between -3 and 3, of 0 below and of x above."""
    return 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5


def _silu_derivative(x: float, slope: float) -> float:
    """The product rule: σ + x σ', with σ' = σ (1 - σ)."""
    s = _sigmoid(x, slope)
    return s * (1 + x * (1 - s))


Scalar = Callable[[float, float], float]

_FUNCTIONS: dict[str, Scalar] = {
    "relu": lambda v, slope: 0.0 if v < 0 else v,
    "relu6": lambda v, slope: 0.0 if v < 0 else 6.0 if v > 6 else v,
    "leaky_relu": lambda v, slope: v if v > 0 else slope * v,
    "sigmoid": _sigmoid,
    "tanh": lambda v, slope: tanh(v),
    "hardsigmoid": _hardsigmoid,
    "hardswish": lambda v, slope: v * _hardsigmoid(v, slope),
    "silu": lambda v, slope: v * _sigmoid(v, slope),
}

_DERIVATIVES: dict[str, Scalar] = {
    "relu": lambda y, slope: 1.0 if y > 0 else 0.0,
    "relu6": lambda y, slope: 1.0 if 0 < y < 6 else 0.0,
    "leaky_relu": lambda x, slope: 1.0 if x > 0 else slope,
    "sigmoid": lambda y, slope: y * (1 - y),
    "tanh": lambda y, slope: 1 - y * y,
    "hardsigmoid": lambda x, slope: 1 / 6 if -3 < x < 3 else 0.0,
    "hardswish": _hardswish_derivative,
    "silu": _silu_derivative,
}

#: Where a function is not flat, given what was saved: elsewhere a gradient stops, even a NaN.
_OPEN: dict[str, Callable[[float], bool]] = {
    "relu": lambda y: y > 0,
    "relu6": lambda y: 0 < y < 6,
    "hardsigmoid": lambda x: -3 < x < 3,
    "hardswish": lambda x: not x <= -3,
}
