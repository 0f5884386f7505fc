"""Windows over an image: the patches they see, and how to ask for them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Pair = tuple[int, int]
Array = npt.NDArray[Any]
Options = Mapping[str, Any]


def reach(o: Options) -> Pair:
    """Return the rows and columns that one window spans, holes included."""
    (KH, KW), (dh, dw) = o["kernel"], o["dilation"]
    return dh * (KH - 1) + 1, dw * (KW - 1) + 1


def output_size(image: Pair, o: Options) -> Pair:
    """Return the rows and columns of the output."""
    sizes = zip(image, o["padding"], reach(o), o["stride"], strict=True)
    OH, OW = ((size + 2 * side - span) // step + 1 for size, side, span, step in sizes)
    return OH, OW


def leftover(image: Pair, o: Options) -> Pair:
    """Return the rows and columns at the end of the padded image that no window sees."""
    sizes = zip(image, o["padding"], reach(o), o["stride"], strict=True)
    rows, cols = ((size + 2 * side - span) % step for size, side, span, step in sizes)
    return rows, cols


def positions(output: Pair) -> Iterator[Pair]:
    """Yield every output position, row by row."""
    for p in range(output[0]):
        for q in range(output[1]):
            yield p, q


def overwriting(output: Pair, slips: frozenset[str], by_element: str) -> Iterator[Pair]:
    """Yield the positions in the order in which `=` for `+=` keeps the last one.

    Whoever loops over the kernel's elements, and assigns all positions of one at a time, leaves at
    a pixel what its last element put there: that of the first window.
    """
    order = positions(output)
    yield from reversed(list(order)) if by_element in slips else order


def spot(at: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Any, ...]:
    """Return the index of the patch (N, C, KH, KW) that an output position sees."""
    (p, q), (KH, KW), (sh, sw), (dh, dw) = at, kernel, stride, dilation
    top, left = p * sh, q * sw
    rows = slice(top, top + dh * (KH - 1) + 1, dh)
    return ..., rows, slice(left, left + dw * (KW - 1) + 1, dw)


def pad(x: Array, padding: Pair, value: float = 0.0) -> Array:
    """Return the images with `value` around them."""
    (ph, pw), (H, W) = padding, x.shape[-2:]
    padded = np.full((*x.shape[:-2], H + 2 * ph, W + 2 * pw), value)
    padded[..., ph : ph + H, pw : pw + W] = x
    return padded
