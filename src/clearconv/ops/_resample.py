"""Resampling: every result is a weighted sum of pixels, rows and columns weighted apart.

What the matrix tellings of adaptive pooling and up-sampling have in common.
"""

from clearconv.ops._arrays import Array


def both_axes(rows: Array, x: Array, columns: Array) -> Array:
    """Return ``rows @ map @ columns.T`` for every map of `x`.

    `rows` is (OH, H), `columns` (OW, W): row u says how much each input has in output u. Returns
    (N, C, OH, OW), a view over channels-last memory. Its adjoint is the same with both transposed.
    """
    (N, C, H, W), OH = x.shape, rows.shape[0]
    lines = rows @ x.transpose(0, 2, 3, 1).reshape(N, H, W * C)  # (N, OH, W*C)
    pixels = columns @ lines.reshape(N, OH, W, C)  # (N, OH, OW, C)
    return pixels.transpose(0, 3, 1, 2)  # (N, C, OH, OW)
