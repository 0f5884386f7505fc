"""Adaptive average pooling as two matrix products: means over rows, and means over columns."""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.resample import both_axes


def forward(x: Array, output: tuple[int, int], out: Array | None = None) -> Array:
    """Rows times the map times columns, transposed."""
    (_, _, H, W), (OH, OW) = x.shape, output
    return both_axes(_means(H, OH, x), x, _means(W, OW, x), out)  # (N, C, OH, OW)


def backward_input(
    grad_y: Array, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """The same products with both matrices transposed."""
    (_, _, H, W), (_, _, OH, OW) = x_shape, grad_y.shape
    rows, columns = _means(H, OH, grad_y), _means(W, OW, grad_y)
    return both_axes(rows.T, grad_y, columns.T, out)  # (N, C, H, W)


def _means(inputs: int, outputs: int, like: Array) -> Array:
    """Return each input's share in each output along one axis: (outputs, inputs)."""
    u, pixels = np.arange(outputs)[:, np.newaxis], np.arange(inputs)  # (outputs, 1), (inputs,)
    first, behind = u * inputs // outputs, -(-(u + 1) * inputs // outputs)
    means = ((pixels >= first) & (pixels < behind)) / (behind - first)
    return np.asarray(means, dtype=like.dtype, like=like)
