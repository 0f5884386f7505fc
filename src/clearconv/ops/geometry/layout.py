"""The two orders of an image's numbers in memory: channels last, and rows in (C, H, W) order."""

from math import prod

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.tellings import native_module


def to_rows(x: Array) -> Array:
    """View maps (N, C, H, W) as rows (N, C*H*W); a copy, unless they lie in that order."""
    N, C, H, W = x.shape
    pixels = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    if C > 1 and H * W > 1 and pixels.flags.c_contiguous:
        x = _swap(pixels.reshape(N, H * W, C))
    return x.reshape(N, C * H * W)


def to_maps(rows: Array, shape: tuple[int, int, int, int]) -> Array:
    """Copy rows (N, C*H*W) into maps (N, C, H, W) that lie channels last."""
    N, C, H, W = shape
    return _swap(rows.reshape(N, C, H * W)).reshape(N, H, W, C).transpose(0, 3, 1, 2)


def maps(shape: tuple[int, ...], like: Array, out: Array | None = None) -> Array:
    """Return `out`, or new uninitialised maps (N, C, H, W) that lie channels last."""
    if out is not None:
        return out
    N, C, H, W = shape
    return np.empty((N, H, W, C), dtype=like.dtype, like=like).transpose(0, 3, 1, 2)


def _swap(x: Array) -> Array:
    """Copy (N, R, K) to (N, K, R), contiguous."""
    native = native_module()
    if native is not None and prod(x.shape) > 0:
        return native.swap_last_axes(x)
    return np.ascontiguousarray(x.transpose(0, 2, 1))
