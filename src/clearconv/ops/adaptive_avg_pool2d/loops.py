"""Adaptive average pooling cell by cell: add the pixels, divide by their number."""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.adaptive_avg_pool2d.size import cell


def forward(x: Array, output: tuple[int, int], out: Array | None = None) -> Array:
    """Sum of the cell's pixels over their number."""
    y = zeros((*x.shape[:2], *output), x.dtype, out)
    for n, c, p, q in np.ndindex(y.shape):
        rows, columns = cell(p, x.shape[2], output[0]), cell(q, x.shape[3], output[1])
        for row in rows:
            for column in columns:
                y[n, c, p, q] += x[n, c, row, column]
        y[n, c, p, q] /= len(rows) * len(columns)
    return y


def backward_input(
    grad_y: Array, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """Give every pixel of a cell an equal share of its gradient."""
    (_, _, H, W), (_, _, OH, OW) = x_shape, grad_y.shape
    grad_x = zeros(x_shape, grad_y.dtype, out)
    for n, c, p, q in np.ndindex(grad_y.shape):
        rows, columns = cell(p, H, OH), cell(q, W, OW)
        share = grad_y[n, c, p, q] / (len(rows) * len(columns))
        for row in rows:
            for column in columns:
                grad_x[n, c, row, column] += share
    return grad_x
