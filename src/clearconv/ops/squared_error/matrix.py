"""Squared error of whole arrays."""

import numpy as np

from clearconv.arrays import Array


def difference(x: Array, target: Array) -> Array:
    """How far each output is from its target."""
    return x - target


def squares(difference: Array) -> Array:
    """Each difference times itself."""
    return np.square(difference)


def total(difference: Array) -> float:
    """Sum of the squares."""
    return float(np.square(difference).sum(dtype=np.float64))


def backward_input(difference: Array, factors: Array) -> Array:
    """Difference times what its square was multiplied by, times 2 (which is in the factor)."""
    return difference * factors
