"""Average pooling on whole arrays: all windows at once, one window element after the other.

Arrays are (N, OH, OW, C) inside; results are (N, C, H, W) views over channels-last memory.
"""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.layout import maps
from clearconv.ops.geometry.taps import inside, taps
from clearconv.ops.geometry.window import Window


def forward(x: Array, window: Window, count_include_pad: bool, out: Array | None = None) -> Array:
    """Add up the pixels under each element, then divide."""
    N, C = x.shape[:2]
    last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    y = maps((N, C, *window.output), x, out)
    sums = y.transpose(0, 2, 3, 1)  # (N, OH, OW, C)
    sums[...] = 0
    for _, (rows, cols), (from_rows, from_cols) in taps(window):
        sums[:, rows, cols] += last[:, from_rows, from_cols]
    sums /= _divisors(window, count_include_pad, y)
    return y


def backward_input(
    grad_y: Array, window: Window, count_include_pad: bool, out: Array | None = None
) -> Array:
    """Divide, then add the shares to the pixels under each element."""
    N, C = grad_y.shape[:2]
    shares = grad_y.transpose(0, 2, 3, 1)  # (N, OH, OW, C)
    shares = shares / _divisors(window, count_include_pad, shares)
    grad_x = maps((N, C, *window.input), grad_y, out)
    last = grad_x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    last[...] = 0
    for _, (rows, cols), (to_rows, to_cols) in taps(window):
        last[:, to_rows, to_cols] += shares[:, rows, cols]
    return grad_x


def _divisors(window: Window, count_include_pad: bool, like: Array) -> Array:
    """Return the number of places of each window that count: (OH, OW, 1), dtype as `like`."""
    counts = []
    for axis in (0, 1):
        if count_include_pad:
            before, after = window.padding[axis]
            starts = np.arange(window.output[axis]) * window.stride[axis]  # in the padded image
            room = window.input[axis] + before + after - starts
            fitting = -(-room // window.dilation[axis])  # elements before the padded image's end
            counts.append(np.minimum(fitting, window.kernel[axis]))
        else:
            counts.append(inside(window, axis).sum(axis=1))
    divisors = counts[0][:, np.newaxis, np.newaxis] * counts[1][:, np.newaxis]  # (OH, OW, 1)
    return np.asarray(divisors, dtype=like.dtype, like=like)
