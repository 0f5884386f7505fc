"""Softmax of all rows at once."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array) -> Array:
    """Exponentiate the scores seen from their row's largest; divide by the row's sum."""
    y = x - x.max(axis=-1, keepdims=True)  # (..., K)
    np.exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y


def backward_input(grad_y: Array, y: Array) -> Array:
    """The derivative matrix times `grad_y`, without the matrix."""
    shared = np.einsum("...k,...k->...", grad_y, y)[..., np.newaxis]  # (..., 1)
    grad_x = grad_y - shared
    grad_x *= y
    return grad_x
