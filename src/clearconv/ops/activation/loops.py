"""Activations number by number: a function and its derivative stand side by side."""

from collections.abc import Callable
from math import exp, tanh

import numpy as np

from clearconv.ops._arrays import Array


def forward(x: Array, kind: str, slope: float) -> Array:
    """Every number through f."""
    f = _FUNCTIONS[kind]
    y = np.empty_like(x)
    for place in np.ndindex(x.shape):
        y[place] = f(float(x[place]), slope)
    return y


def backward_input(grad_y: Array, saved: Array, kind: str, slope: float) -> Array:
    """Every gradient times f', told from what was saved: x for leaky_relu, else y."""
    derivative = _DERIVATIVES[kind]
    grad_x = np.empty_like(grad_y)
    for place in np.ndindex(grad_y.shape):
        grad_x[place] = derivative(float(saved[place]), slope) * float(grad_y[place])
    return grad_x


def _sigmoid(v: float, slope: float) -> float:
    """1 / (1 + exp(-v)), written so that exp never grows beyond 1."""
    return 1 / (1 + exp(-v)) if v >= 0 else exp(v) / (1 + exp(v))


Scalar = Callable[[float, float], float]

_FUNCTIONS: dict[str, Scalar] = {
    "relu": lambda v, slope: 0.0 if v < 0 else v,
    "leaky_relu": lambda v, slope: v if v > 0 else slope * v,
    "sigmoid": _sigmoid,
    "tanh": lambda v, slope: tanh(v),
}

_DERIVATIVES: dict[str, Scalar] = {
    "relu": lambda y, slope: 1.0 if y > 0 else 0.0,
    "leaky_relu": lambda x, slope: 1.0 if x > 0 else slope,
    "sigmoid": lambda y, slope: y * (1 - y),
    "tanh": lambda y, slope: 1 - y * y,
}
