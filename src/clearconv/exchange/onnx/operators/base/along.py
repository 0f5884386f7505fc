"""Matrices applied along the rows and the columns of maps."""

import numpy as np

from clearconv.arrays import Array
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.ops.upsample2d.grid import Grid


def along_both(x: str, down: Array, across: Array, to: Writer) -> str:
    """Add ``down @ x @ across.T`` for each map, and return the name of the result.

    Parameters
    ----------
    x : str
        Name of maps (N, C, H, W).
    down : ndarray of shape (OH, H)
        Matrix for the rows.
    across : ndarray of shape (OW, W)
        Matrix for the columns.
    to : Writer
        Graph that receives the operators.

    Returns
    -------
    str
        Name of maps (N, C, OH, OW).
    """
    y = to.op("MatMul", x, to.constant(across.T, "across", "float32"))  # (N, C, H, OW)
    return to.op("MatMul", to.constant(down, "down", "float32"), y)  # (N, C, OH, OW)


def shares(grid: Grid, axis: int) -> Array:
    """Return the matrix (outputs, inputs) of an up-sampling along one axis."""
    matrix = np.zeros((grid.output[axis], grid.input[axis]), np.float32)
    for u in range(grid.output[axis]):
        for place, share in grid.parts(axis, u):
            matrix[u, place] += share
    return matrix
