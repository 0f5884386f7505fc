"""Squared error of whole arrays."""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.reduction import by_shards


def difference(x: Array, target: Array) -> Array:
    """How far each output is from its target."""
    return x - target


def squares(difference: Array) -> Array:
    """Each difference times itself."""
    return np.square(difference)


@by_shards(1)
def total(difference: Array) -> Array:
    """Sum of the squares."""
    return np.square(difference).sum(dtype=np.float64, keepdims=True).reshape(())


def backward_input(difference: Array, factors: Array, out: Array | None = None) -> Array:
    """Difference times the factor of its square, times 2 (which is in the factor)."""
    return np.multiply(difference, factors, out=out)
