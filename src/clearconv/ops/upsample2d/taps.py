"""Which pixels an output is made of, and the share of each."""

from typing import Any

from clearconv.ops.geometry.tables import Axes, AxisTaps, tables
from clearconv.ops.geometry.window import Pair
from clearconv.ops.upsample2d.grid import Grid


def axes(size: Pair, output: Pair, arguments: dict[str, Any]) -> Axes:
    """Return the tables of a layer with these `arguments`."""
    grid = Grid.of("upsample2d", size, **arguments)
    return _along(grid, 0), _along(grid, 1)


def _along(grid: Grid, axis: int) -> AxisTaps:
    parts = [grid.parts(axis, u) for u in range(grid.output[axis])]
    met = [(u, i, r) for u, part in enumerate(parts) for i, (r, _) in enumerate(part)]
    shares = [[share for _, share in part] for part in parts]
    return tables(met, (grid.output[axis], max(map(len, parts)), grid.input[axis]), shares)
