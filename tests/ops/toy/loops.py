"""Toy, number by number."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array) -> Array:
    """Multiply every number by itself."""
    y = np.empty_like(x)
    for place in np.ndindex(x.shape):
        y[place] = x[place] * x[place]
    return y


def backward_input(grad_y: Array, x: Array) -> Array:
    """The derivative is 2 x."""
    grad_x = np.empty_like(x)
    for place in np.ndindex(x.shape):
        grad_x[place] = 2 * x[place] * grad_y[place]
    return grad_x
