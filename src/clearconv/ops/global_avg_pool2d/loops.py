"""Global average pooling pixel by pixel."""

import numpy as np

from clearconv.arrays import Array, zeros


def forward(x: Array, out: Array | None = None) -> Array:
    """Add every pixel of a channel, then divide by their number."""
    N, C, H, W = x.shape
    y = zeros((N, C, 1, 1), x.dtype, out)
    for n, c, row, col in np.ndindex(N, C, H, W):
        y[n, c, 0, 0] += x[n, c, row, col]
    y /= H * W
    return y


def backward_input(
    grad_y: Array, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """Give every pixel an equal share."""
    N, C, H, W = x_shape
    grad_x = zeros(x_shape, grad_y.dtype, out)
    for n, c, row, col in np.ndindex(N, C, H, W):
        grad_x[n, c, row, col] = grad_y[n, c, 0, 0] / (H * W)
    return grad_x
