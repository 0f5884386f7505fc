"""Up-sampling as two matrix products: one mixes the rows, the other the columns."""

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.resample import both_axes
from clearconv.ops.upsample2d.grid import Grid


def forward(x: Array, grid: Grid, out: Array | None = None) -> Array:
    """Rows times the map times columns, transposed."""
    return both_axes(_weights(grid, 0, x), x, _weights(grid, 1, x), out)  # (N, C, OH, OW)


def backward_input(grad_y: Array, grid: Grid, out: Array | None = None) -> Array:
    """The same products with both matrices transposed."""
    rows, columns = _weights(grid, 0, grad_y), _weights(grid, 1, grad_y)
    return both_axes(rows.T, grad_y, columns.T, out)  # (N, C, H, W)


def _weights(grid: Grid, axis: int, like: Array) -> Array:
    """Return, for each output of an axis, the weight of each input: (outputs, inputs)."""
    outputs, inputs, (over, under) = grid.output[axis], grid.input[axis], grid.step[axis]
    u = np.arange(outputs)
    places = np.clip((u + grid.shift) * over / under - grid.shift, 0, inputs - 1)
    low = np.floor(places).astype(int)
    beyond = places - low if grid.linear else np.zeros(outputs)
    weights = np.zeros((outputs, inputs))
    weights[u, low] = 1 - beyond
    weights[u, np.minimum(low + 1, inputs - 1)] += beyond
    return np.asarray(weights, dtype=like.dtype, like=like)
