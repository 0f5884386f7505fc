"""Which pixels lie in a cell, and the share of each in its mean."""

from typing import Any

from clearconv.ops.adaptive_avg_pool2d.size import cell
from clearconv.ops.geometry.tables import Axes, AxisTaps, tables
from clearconv.ops.geometry.window import Pair


def axes(size: Pair, output: Pair, arguments: dict[str, Any]) -> Axes:
    """Return the tables of a layer with these `arguments`."""
    return _along(size[0], output[0]), _along(size[1], output[1])


def _along(inputs: int, outputs: int) -> AxisTaps:
    cells = [cell(p, inputs, outputs) for p in range(outputs)]
    met = [(p, i, r) for p, own in enumerate(cells) for i, r in enumerate(own)]
    shares = [[1 / len(own)] * len(own) for own in cells]
    return tables(met, (outputs, max(map(len, cells)), inputs), shares)
