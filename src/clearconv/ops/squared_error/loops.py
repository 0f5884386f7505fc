"""Squared error number by number."""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.reduction import by_shards


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


@by_shards(1)
def total(difference: Array) -> Array:
    """Sum of the squares."""
    return np.array(sum(float(difference[place]) ** 2 for place in np.ndindex(difference.shape)))


def backward_input(difference: Array, factors: Array, out: Array | None = None) -> Array:
    """Difference times the factor of its square, times 2 (which is in the factor)."""
    grad_x = np.empty_like(difference) if out is None else out
    for place in np.ndindex(difference.shape):
        grad_x[place] = factors[place] * difference[place]
    return grad_x
