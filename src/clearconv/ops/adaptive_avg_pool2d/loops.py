"""Adaptive average pooling cell by cell: add the pixels, divide by how many there are."""

import numpy as np

from clearconv.ops._arrays import Array


def forward(x: Array, output: tuple[int, int]) -> Array:
    """Sum of the cell's pixels over their number."""
    y = np.zeros((*x.shape[:2], *output), dtype=x.dtype)
    for n, c, p, q in np.ndindex(y.shape):
        rows, columns = _cell(p, x.shape[2], output[0]), _cell(q, x.shape[3], output[1])
        for row in rows:
            for column in columns:
                y[n, c, p, q] += x[n, c, row, column]
        y[n, c, p, q] /= len(rows) * len(columns)
    return y


def backward_input(grad_y: Array, x_shape: tuple[int, int, int, int]) -> Array:
    """Give every pixel of a cell an equal share of its gradient."""
    (_, _, H, W), (_, _, OH, OW) = x_shape, grad_y.shape
    grad_x = np.zeros(x_shape, dtype=grad_y.dtype)
    for n, c, p, q in np.ndindex(grad_y.shape):
        rows, columns = _cell(p, H, OH), _cell(q, W, OW)
        share = grad_y[n, c, p, q] / (len(rows) * len(columns))
        for row in rows:
            for column in columns:
                grad_x[n, c, row, column] += share
    return grad_x


def _cell(output: int, inputs: int, outputs: int) -> range:
    """Return the inputs of one output along one axis: from floor(...) up to ceil(...)."""
    return range(output * inputs // outputs, -(-(output + 1) * inputs // outputs))
