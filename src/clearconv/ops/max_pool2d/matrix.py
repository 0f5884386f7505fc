"""Max pooling on whole arrays: all windows at once, one window element after the other.

Arrays are (N, OH, OW, C) inside; results are (N, C, H, W) views over channels-last memory.
"""

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.geometry.layout import maps
from clearconv.ops.geometry.taps import inside, taps
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, out: Array | None = None) -> Array:
    """Start from each window's first pixel and let every later one try to beat it."""
    last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    y = _first(last, window, out)[0]  # (N, OH, OW, C)
    for _, (rows, cols), (from_rows, from_cols) in taps(window):
        best = y[:, rows, cols]
        np.maximum(best, last[:, from_rows, from_cols], out=best)
    return y.transpose(0, 3, 1, 2)  # (N, C, OH, OW)


def forward_saving(x: Array, window: Window, out: Array | None = None) -> tuple[Array, Array]:
    """Do the same, and note the element that last won: the first of equals."""
    KH, KW = window.kernel
    last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    y, first = _first(last, window, out)  # (N, OH, OW, C), (OH, OW)
    argmax = np.empty(y.shape, dtype=np.uint8 if KH * KW <= 256 else np.int32, like=y)
    argmax[...] = first[:, :, np.newaxis]
    for k, (rows, cols), (from_rows, from_cols) in taps(window):
        best, pixel = y[:, rows, cols], last[:, from_rows, from_cols]
        winner = argmax[:, rows, cols]
        # k only grows, so that the latest winner is the largest k: no masked write is needed
        np.maximum(winner, (pixel > best) * winner.dtype.type(k), out=winner)
        np.maximum(best, pixel, out=best)
    if np.isnan(y.max(initial=-np.inf)):
        for k, (rows, cols), (from_rows, from_cols) in reversed(list(taps(window))):
            argmax[:, rows, cols][np.isnan(last[:, from_rows, from_cols])] = k
    return y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2)  # (N, C, OH, OW)


def backward_input(grad_y: Array, argmax: Array, window: Window, out: Array | None = None) -> Array:
    """Element by element, add the gradient where that element won."""
    N, C = grad_y.shape[:2]
    grads, winner = grad_y.transpose(0, 2, 3, 1), argmax.transpose(0, 2, 3, 1)  # (N, OH, OW, C)
    grad_x = maps((N, C, *window.input), grad_y, out)
    last = grad_x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    last[...] = 0
    # Gradients are kept or zeroed as bits, & with all ones or none. A product with 1 or 0 would
    # turn an infinite gradient into NaN where another pixel won; np.where is four times slower.
    bits = grads.view(f"i{grads.itemsize}")
    for k, (rows, cols), (to_rows, to_cols) in taps(window):
        won = -(winner[:, rows, cols] == k).astype(bits.dtype)  # 1 becomes -1, all ones
        last[:, to_rows, to_cols] += (bits[:, rows, cols] & won).view(grads.dtype)
    return grad_x


def _first(last: Array, window: Window, out: Array | None) -> tuple[Array, Array]:
    """Return each window's first pixel inside the image, and which element of the window it is."""
    elements, pixels = [], []
    for axis in (0, 1):
        element = inside(window, axis).argmax(axis=1)  # (OH,) or (OW,)
        elements.append(element)
        start = np.arange(window.output[axis]) * window.stride[axis] - window.padding[axis][0]
        pixels.append(start + element * window.dilation[axis])
    first = elements[0][:, np.newaxis] * window.kernel[1] + elements[1]  # (OH, OW)
    y = np.ascontiguousarray(last[:, pixels[0][:, np.newaxis], pixels[1]])  # (N, OH, OW, C)
    return put(y, out if out is None else out.transpose(0, 2, 3, 1)), first
