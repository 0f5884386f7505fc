"""Global average pooling as a product with a row of ones, and its adjoint as a copy."""

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.geometry.layout import maps


def forward(x: Array, out: Array | None = None) -> Array:
    """Sum over the pixels as a matrix product, then divide."""
    N, C, H, W = x.shape
    pixels = x.transpose(0, 2, 3, 1).reshape(N, H * W, C)
    ones = np.ones((1, H * W), dtype=x.dtype, like=x)
    y: Array = ones @ pixels / (H * W)  # (N, 1, C)
    return put(y.reshape(N, 1, 1, C).transpose(0, 3, 1, 2), out)  # (N, C, 1, 1)


def backward_input(
    grad_y: Array, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """Write the share of each channel to all its pixels."""
    H, W = x_shape[2:]
    grad_x = maps(x_shape, grad_y, out)
    grad_x[...] = grad_y / (H * W)  # (N, C, 1, 1)
    return grad_x
