"""A window seen tap by tap: which outputs one kernel element serves, and with which pixels.

What max pooling and average pooling have in common. Working tap by tap on whole arrays needs
neither padding nor a copy of the patches: a tap that falls outside the image is left out.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from clearconv.ops.geometry.window import Window

#: Rows and columns of an array.
Block = tuple[slice, slice]


def taps(window: Window) -> Iterator[tuple[int, Block, Block]]:
    """Yield (k, outputs, pixels) for every kernel element that meets the image.

    `k` counts the elements row by row. The two blocks have the same size: output ``outputs[a, b]``
    sees pixel ``pixels[a, b]`` under element `k`.
    """
    KH, KW = window.kernel
    for i in range(KH):
        rows = _along(window, 0, i)
        for j in range(KW):
            cols = _along(window, 1, j)
            if rows is not None and cols is not None:
                yield i * KW + j, (rows[0], cols[0]), (rows[1], cols[1])


def inside(window: Window, axis: int) -> npt.NDArray[np.bool_]:
    """Return, for each output along `axis` and each element, whether its pixel is in the image.

    Shape (outputs, elements).
    """
    starts = np.arange(window.output[axis]) * window.stride[axis] - window.padding[axis][0]
    pixels = starts[:, np.newaxis] + np.arange(window.kernel[axis]) * window.dilation[axis]
    return (pixels >= 0) & (pixels < window.input[axis])


def touches(window: Window, axis: int) -> bool:
    """Return whether every window meets the image along `axis`."""
    size, dilation = window.input[axis], window.dilation[axis]
    if dilation > size:  # the image may fall into a hole of a window
        return bool(inside(window, axis).any(axis=1).all())
    start = -window.padding[axis][0]  # of the first window
    last = start + (window.output[axis] - 1) * window.stride[axis]
    return start + window.reach[axis] > 0 and last < size


def _along(window: Window, axis: int, element: int) -> tuple[slice, slice] | None:
    """Return the outputs for which `element` lies in the image, and those pixels, on one axis."""
    size, stride = window.input[axis], window.stride[axis]
    offset = element * window.dilation[axis] - window.padding[axis][0]  # pixel of output 0
    first = max(0, -(offset // stride))  # the smallest p with p * stride + offset >= 0
    last = min(window.output[axis] - 1, (size - 1 - offset) // stride)
    if first > last:
        return None
    start, stop = first * stride + offset, last * stride + offset + 1
    return slice(first, last + 1), slice(start, stop, stride)
