"""Global average pooling pixel by pixel."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array) -> Array:
    """Add every pixel of a channel, then divide by their number."""
    N, C, H, W = x.shape
    y = np.zeros((N, C, 1, 1), dtype=x.dtype)
    for n, c, row, col in np.ndindex(N, C, H, W):
        y[n, c, 0, 0] += x[n, c, row, col]
    y /= H * W
    return y


def backward_input(grad_y: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Give every pixel an equal share."""
    N, C, H, W = x_shape
    grad_x = np.empty(x_shape, dtype=grad_y.dtype)
    for n, c, row, col in np.ndindex(N, C, H, W):
        grad_x[n, c, row, col] = grad_y[n, c, 0, 0] / (H * W)
    return grad_x
