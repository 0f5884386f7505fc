"""Up-sampling output by output: a mixture of the pixels around its place.

``grid.parts(axis, u)`` lists the inputs that output u is made of, one or two, with their weights.
"""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.upsample2d.grid import Grid


def forward(x: Array, grid: Grid, out: Array | None = None) -> Array:
    """Each output is the sum of its pixels, times the weights of their row and column."""
    y = zeros((*x.shape[:2], *grid.output), x.dtype, out)
    for n, c, p, q in np.ndindex(y.shape):
        for row, part_of_row in grid.parts(0, p):
            for column, part_of_column in grid.parts(1, q):
                y[n, c, p, q] += part_of_row * part_of_column * x[n, c, row, column]
    return y


def backward_input(grad_y: Array, grid: Grid, out: Array | None = None) -> Array:
    """Each output passes its gradient, times the same weights, back to its pixels."""
    grad_x = zeros((*grad_y.shape[:2], *grid.input), grad_y.dtype, out)
    for n, c, p, q in np.ndindex(grad_y.shape):
        for row, part_of_row in grid.parts(0, p):
            for column, part_of_column in grid.parts(1, q):
                grad_x[n, c, row, column] += part_of_row * part_of_column * grad_y[n, c, p, q]
    return grad_x
