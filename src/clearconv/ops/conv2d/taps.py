"""Which pixels a kernel saw."""

from typing import Any

from clearconv.ops.geometry.tables import Axes, sliding, window_of
from clearconv.ops.geometry.window import Pair


def axes(size: Pair, output: Pair, arguments: dict[str, Any]) -> Axes:
    """Return the tables of a layer with these `arguments`."""
    return sliding(window_of("conv2d", size, arguments))
