"""im2col and col2im number by number: where each copy comes from, and where it goes back to."""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, out: Array | None = None) -> Array:
    """Copy every pixel a window sees into its row and column; padding stays zero."""
    N, C = x.shape[:2]
    (KH, KW), (OH, OW) = window.kernel, window.output
    y = zeros((N, C * KH * KW, OH * OW), x.dtype, out)
    for n, c, p, q in np.ndindex(N, C, OH, OW):
        for i, j, row, col in window.taps(p, q):
            y[n, (c * KH + i) * KW + j, p * OW + q] = x[n, c, row, col]
    return y


def backward_input(grad_y: Array, window: Window, out: Array | None = None) -> Array:
    """Add every number back to the pixel it was copied from."""
    (KH, KW), (OH, OW) = window.kernel, window.output
    N, C = grad_y.shape[0], grad_y.shape[1] // (KH * KW)
    grad_x = zeros((N, C, *window.input), grad_y.dtype, out)
    for n, c, p, q in np.ndindex(N, C, OH, OW):
        for i, j, row, col in window.taps(p, q):
            grad_x[n, c, row, col] += grad_y[n, (c * KH + i) * KW + j, p * OW + q]
    return grad_x
