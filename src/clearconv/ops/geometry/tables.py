"""Which numbers met: lookup tables along an axis, in place of stride, padding and dilation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clearconv.ops.geometry.window import Pair, Window

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AxisTaps:
    """Output, kernel element and input that met, along one axis.

    The same meetings three times, each looked up from a different side. Padding met nothing and is
    left out.

    Attributes
    ----------
    outputs : tuple
        Output p -> its pairs (kernel element i, input r).
    inputs : tuple
        Input r -> its pairs (kernel element i, output p).
    kernel : tuple
        Kernel element i -> its pairs (output p, input r).
    shares : tuple of tuples of float, optional
        Parallel to ``outputs``, the share of each input in the output along this axis: for
        averages and up-sampling, which have no weights. Both axes' shares are multiplied.
    """

    outputs: tuple[Pairs, ...]
    inputs: tuple[Pairs, ...]
    kernel: tuple[Pairs, ...]
    shares: tuple[tuple[float, ...], ...] | None = None


#: Along the rows, and along the columns.
Axes = tuple[AxisTaps, AxisTaps]


def tables(
    met: Iterable[tuple[int, int, int]],
    sizes: tuple[int, int, int],
    shares: list[list[float]] | None = None,
) -> AxisTaps:
    """Sort meetings (output, element, input) into the three tables; `sizes` are the axes'."""
    outputs, kernel, inputs = ([[] for _ in range(size)] for size in sizes)  # type: ignore[var-annotated]
    for p, i, r in met:
        outputs[p].append((i, r))
        kernel[i].append((p, r))
        inputs[r].append((i, p))
    return AxisTaps(
        tuple(map(tuple, outputs)),
        tuple(map(tuple, inputs)),
        tuple(map(tuple, kernel)),
        None if shares is None else tuple(map(tuple, shares)),
    )


def met(window: Window, axis: int) -> list[tuple[int, int, int]]:
    """List (window, element, pixel) along an axis."""
    return [(p, i, r) for p in range(window.output[axis]) for i, r in window.along(axis, p)]


def sliding(window: Window) -> Axes:
    """Return the tables of a window that slides over the map."""
    rows, columns = (
        tables(met(window, axis), (window.output[axis], window.kernel[axis], window.input[axis]))
        for axis in (0, 1)
    )
    return rows, columns


def window_of(chapter: str, size: Pair, arguments: dict[str, Any]) -> Window:
    """Return the window over a map of this size; `arguments` are the layer's."""
    return Window.of(
        chapter,
        size,
        arguments["kernel_size"],
        arguments["stride"],
        arguments["padding"],
        arguments["dilation"],
        arguments.get("ceil_mode", False),
    )
