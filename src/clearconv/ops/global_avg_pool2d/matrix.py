"""Global average pooling as a product with a row of ones, and its adjoint as a copy."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array) -> Array:
    """Sum over the pixels as a matrix product, then divide."""
    N, C, H, W = x.shape
    pixels = x.transpose(0, 2, 3, 1).reshape(N, H * W, C)
    ones = np.ones((1, H * W), dtype=x.dtype, like=x)
    y: Array = ones @ pixels / (H * W)  # (N, 1, C)
    return y.reshape(N, 1, 1, C).transpose(0, 3, 1, 2)  # (N, C, 1, 1)


def backward_input(grad_y: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Write the share of each channel to all its pixels."""
    N, C, H, W = x_shape
    grad_x = np.empty((N, H, W, C), dtype=grad_y.dtype, like=grad_y)
    grad_x[...] = grad_y.transpose(0, 2, 3, 1) / (H * W)  # (N, 1, 1, C)
    return grad_x.transpose(0, 3, 1, 2)  # (N, C, H, W)
