"""Which pixels a window saw, and the share of each in its mean."""

from collections import Counter
from typing import Any

from clearconv.ops.geometry.tables import Axes, AxisTaps, met, tables, window_of
from clearconv.ops.geometry.window import Pair, Window


def axes(size: Pair, output: Pair, arguments: dict[str, Any]) -> Axes:
    """Return the tables of a layer with these `arguments`."""
    window, padded = window_of("avg_pool2d", size, arguments), arguments["count_include_pad"]
    return _along(window, 0, padded), _along(window, 1, padded)


def _along(window: Window, axis: int, padded: bool) -> AxisTaps:
    meetings, outputs = met(window, axis), window.output[axis]
    under = Counter(p for p, _, _ in meetings)
    seen = [under[p] for p in range(outputs)]
    counted = seen
    if padded:  # what hangs over the padding is still not counted
        room = window.input[axis] + sum(window.padding[axis])
        stride, dilation = window.stride[axis], window.dilation[axis]
        fitting = [-(-(room - p * stride) // dilation) for p in range(outputs)]
        counted = [min(window.kernel[axis], count) for count in fitting]
    shares = [[1 / divisor] * n for divisor, n in zip(counted, seen, strict=True)]
    return tables(meetings, (outputs, window.kernel[axis], window.input[axis]), shares)
