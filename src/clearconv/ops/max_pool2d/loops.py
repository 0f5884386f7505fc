"""Max pooling window by window: look at every pixel, keep the best."""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, out: Array | None = None) -> Array:
    """Formula 3: the largest pixel of the window."""
    return forward_saving(x, window, out)[0]


def forward_saving(x: Array, window: Window, out: Array | None = None) -> tuple[Array, Array]:
    """Formula 3, and which element of the window it was."""
    N, C, KH, KW = *x.shape[:2], *window.kernel
    y = zeros((N, C, *window.output), x.dtype, out)
    argmax = np.empty(y.shape, dtype=np.uint8 if KH * KW <= 256 else np.int32)
    for n, c, p, q in np.ndindex(y.shape):
        best = None
        for i, j, row, col in window.taps(p, q):
            pixel = x[n, c, row, col]
            if best is None or _beats(pixel, best):
                best = pixel
                argmax[n, c, p, q] = i * KW + j
        y[n, c, p, q] = best
    return y, argmax


def backward_input(grad_y: Array, argmax: Array, window: Window, out: Array | None = None) -> Array:
    """Formula 16: the winner takes the gradient, in addition to what it has already taken."""
    grad_x = zeros((*grad_y.shape[:2], *window.input), grad_y.dtype, out)
    for n, c, p, q in np.ndindex(grad_y.shape):
        i, j = divmod(int(argmax[n, c, p, q]), window.kernel[1])
        row = p * window.stride[0] + i * window.dilation[0] - window.padding[0][0]
        col = q * window.stride[1] + j * window.dilation[1] - window.padding[1][0]
        grad_x[n, c, row, col] += grad_y[n, c, p, q]
    return grad_x


def _beats(pixel: float, best: float) -> bool:
    """Larger wins, the first of equals stays, and the first NaN beats all."""
    return bool(pixel > best or (np.isnan(pixel) and not np.isnan(best)))
