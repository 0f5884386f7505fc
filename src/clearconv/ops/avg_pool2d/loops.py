"""Average pooling window by window: add the pixels, divide by their number."""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, count_include_pad: bool, out: Array | None = None) -> Array:
    """Sum of the window's pixels over its divisor."""
    y = zeros((*x.shape[:2], *window.output), x.dtype, out)
    for n, c, p, q in np.ndindex(y.shape):
        for _, _, row, col in window.taps(p, q):
            y[n, c, p, q] += x[n, c, row, col]
        y[n, c, p, q] /= _divisor(window, p, q, count_include_pad)
    return y


def backward_input(
    grad_y: Array, window: Window, count_include_pad: bool, out: Array | None = None
) -> Array:
    """Give every pixel of a window an equal share of its gradient."""
    grad_x = zeros((*grad_y.shape[:2], *window.input), grad_y.dtype, out)
    for n, c, p, q in np.ndindex(grad_y.shape):
        share = grad_y[n, c, p, q] / _divisor(window, p, q, count_include_pad)
        for _, _, row, col in window.taps(p, q):
            grad_x[n, c, row, col] += share
    return grad_x


def _divisor(window: Window, p: int, q: int, count_include_pad: bool) -> int:
    """Return the number of places of window (p, q) that count."""
    if not count_include_pad:
        return sum(1 for _ in window.taps(p, q))
    places = 1
    for axis, start in enumerate((p * window.stride[0], q * window.stride[1])):
        before, after = window.padding[axis]
        room = before + window.input[axis] + after - start
        steps = range(0, window.reach[axis], window.dilation[axis])
        places *= sum(step < room for step in steps)
    return places
