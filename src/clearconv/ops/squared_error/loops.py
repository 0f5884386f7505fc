"""Squared error number by number."""

import numpy as np

from clearconv.arrays import Array


def difference(x: Array, target: Array) -> Array:
    """How far each output is from its target."""
    away = np.empty_like(x)
    for place in np.ndindex(x.shape):
        away[place] = x[place] - target[place]
    return away


def squares(difference: Array) -> Array:
    """Each difference times itself."""
    squared = np.empty_like(difference)
    for place in np.ndindex(difference.shape):
        squared[place] = difference[place] * difference[place]
    return squared


def total(difference: Array) -> float:
    """Sum of the squares."""
    return sum(float(difference[place]) ** 2 for place in np.ndindex(difference.shape))


def backward_input(difference: Array, factors: Array) -> Array:
    """Difference times what its square was multiplied by, times 2 (which is in the factor)."""
    grad_x = np.empty_like(difference)
    for place in np.ndindex(difference.shape):
        grad_x[place] = factors[place] * difference[place]
    return grad_x
