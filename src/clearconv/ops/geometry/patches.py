"""Patches of a padded image as a view, and the adjoint that adds them back.

What the matrix tellings of convolution, pooling and im2col have in common. Both functions work on
channels-last memory, where a patch's channels lie together.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from clearconv.arrays import Array, put
from clearconv.ops.geometry.layout import maps
from clearconv.ops.geometry.window import Window


def pad(x: Array, window: Window, fill: float = 0.0) -> Array:
    """Return `x` (N, C, H, W) as (N, PH, PW, C) with the window's padding filled in.

    A view if there is nothing to pad, else a copy.
    """
    N, C, H, W = x.shape
    PH, PW = window.padded
    last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
    if (PH, PW) == (H, W):
        return last
    top, left = window.padding[0][0], window.padding[1][0]
    padded = np.full((N, PH, PW, C), fill, dtype=x.dtype, like=x)
    padded[:, top : top + H, left : left + W] = last
    return padded


def gather(padded: Array, window: Window) -> Array:
    """Return the read-only view (N, OH, OW, KH, KW, C): the patch under each output position."""
    N, _, _, C = padded.shape
    (OH, OW), (KH, KW), (sh, sw), (dh, dw) = (
        window.output,
        window.kernel,
        window.stride,
        window.dilation,
    )
    n, h, w, c = padded.strides
    return as_strided(
        padded,
        shape=(N, OH, OW, KH, KW, C),
        strides=(n, sh * h, sw * w, dh * h, dw * w, c),
        writeable=False,
    )


def scatter(patches: Array, window: Window, out: Array | None = None) -> Array:
    """Add patches (N, OH, OW, KH, KW, C) back to where `gather` took them from.

    Returns (N, C, H, W), a view over channels-last memory, or `out`; what falls on padding is
    dropped.
    """
    N, OH, OW, KH, KW, C = patches.shape
    (sh, sw), (dh, dw), (PH, PW), (H, W) = (
        window.stride,
        window.dilation,
        window.padded,
        window.input,
    )
    whole = out if (PH, PW) == (H, W) else None
    padded = maps((N, C, PH, PW), patches, whole).transpose(0, 2, 3, 1)  # (N, PH, PW, C)
    padded[...] = 0
    for i in range(KH):
        for j in range(KW):
            rows = slice(i * dh, i * dh + (OH - 1) * sh + 1, sh)
            cols = slice(j * dw, j * dw + (OW - 1) * sw + 1, sw)
            padded[:, rows, cols] += patches[:, :, :, i, j]  # (N, OH, OW, C)
    top, left = window.padding[0][0], window.padding[1][0]
    inside = padded[:, top : top + H, left : left + W].transpose(0, 3, 1, 2)  # (N, C, H, W)
    return inside if whole is out else put(inside, out)
