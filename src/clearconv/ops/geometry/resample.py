"""Resampling: every result is a weighted sum of pixels, with separate row and column weights.

What the matrix tellings of adaptive pooling and up-sampling have in common.
"""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.layout import maps


def both_axes(rows: Array, x: Array, columns: Array, out: Array | None = None) -> Array:
    """Return ``rows @ map @ columns.T`` for every map of `x`.

    `rows` is (OH, H), `columns` (OW, W): row u holds the share of each input in output u. Returns
    (N, C, OH, OW), a view over channels-last memory, or `out`. Its adjoint is the same with both
    transposed.
    A pixel that is NaN or infinite reaches only the outputs in which it has a share.
    """
    if np.isfinite(x).all():
        return _products(rows, x, columns, out)
    y = _products(rows, np.where(np.isfinite(x), x, x.dtype.type(0)), columns, out)
    parts = [(weights > 0).astype(x.dtype) for weights in (rows, columns)]
    with np.errstate(invalid="ignore"):  # infinity less infinity is the intended NaN
        for value, found in ((np.nan, np.isnan(x)), (np.inf, x == np.inf), (-np.inf, x == -np.inf)):
            reached = _products(parts[0], found.astype(x.dtype), parts[1]) > 0
            y += np.where(reached, x.dtype.type(value), x.dtype.type(0))
    return y


def _products(rows: Array, x: Array, columns: Array, out: Array | None = None) -> Array:
    """The two products, rows first."""
    (N, C, H, W), OH, OW = x.shape, rows.shape[0], columns.shape[0]
    lines = rows @ x.transpose(0, 2, 3, 1).reshape(N, H, W * C)  # (N, OH, W*C)
    y = maps((N, C, OH, OW), x, out)
    pixels = y.transpose(0, 2, 3, 1)  # (N, OH, OW, C)
    if pixels.flags.c_contiguous:
        np.matmul(columns, lines.reshape(N, OH, W, C), out=pixels)
    else:
        pixels[...] = columns @ lines.reshape(N, OH, W, C)
    return y
