"""Softmax of all rows at once."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, out: Array | None = None) -> Array:
    """Exponentiate the scores seen from their row's largest; divide by the row's sum."""
    y = np.subtract(x, x.max(axis=-1, keepdims=True), out=out)  # (..., K)
    np.exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y


def backward_input(grad_y: Array, y: Array, out: Array | None = None) -> Array:
    """The derivative matrix times `grad_y`, without the matrix."""
    shared = np.einsum("...k,...k->...", grad_y, y)[..., np.newaxis]  # (..., 1)
    grad_x = np.subtract(grad_y, shared, out=out)
    grad_x *= y
    return grad_x
