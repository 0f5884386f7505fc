"""Which numbers met: look-up tables along each axis, in place of stride, padding and dilation."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clearconv.ops.adaptive_avg_pool2d.size import cell, pair_of
from clearconv.ops.conv_transpose2d.stamp import Stamp
from clearconv.ops.geometry.window import Window
from clearconv.ops.upsample2d.grid import Grid

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AxisTaps:
    """Output, kernel element and input that met, along one axis.

    The same meetings three times, each looked up from another side. What lies on padding met
    nothing and is left out.

    Attributes
    ----------
    outputs : tuple
        Output p -> its pairs (kernel element i, input r).
    inputs : tuple
        Input r -> its pairs (kernel element i, output p).
    kernel : tuple
        Kernel element i -> its pairs (output p, input r).
    shares : tuple of tuples of float, optional
        Beside ``outputs``, how much of each input went into the output along this axis: for
        averages and up-sampling, which have no weights. Both axes' shares are multiplied.
    """

    outputs: tuple[Pairs, ...]
    inputs: tuple[Pairs, ...]
    kernel: tuple[Pairs, ...]
    shares: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Taps:
    """The meetings of a layer, rows and columns apart.

    Output (p, q) met input (r, t) under kernel element (i, j) if rows p, i, r met and columns
    q, j, t did.

    Attributes
    ----------
    rows, columns : AxisTaps
        Along the axes of the maps.
    channels : tuple of (int, int)
        Output channel -> the first input channel it sees, and the one after the last.
    """

    rows: AxisTaps
    columns: AxisTaps
    channels: Pairs


def taps_of(
    kind: str, arguments: dict[str, Any], x_shape: tuple[int, ...], y_shape: tuple[int, ...]
) -> Taps | None:
    """Return the tables of a layer; None for a kind that has no window.

    Parameters
    ----------
    kind : str
        The layer's class.
    arguments : dict
        Of its constructor.
    x_shape, y_shape : tuple of int
        Shapes of input and output, batch axis included.
    """
    if kind not in _AXES or len(x_shape) != 4:
        return None
    rows, columns = _AXES[kind](kind, arguments, x_shape[2:], y_shape[2:])
    (C, O), groups = (x_shape[1], y_shape[1]), arguments.get("groups", 1)
    if kind not in ("Conv2d", "ConvTranspose2d"):
        groups = C
    share, own = O // groups, C // groups  # channels of a group
    starts = [o // share * own for o in range(O)]
    return Taps(rows, columns, tuple((start, start + own) for start in starts))


def _tables(
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


def _met(window: Window, axis: int) -> list[tuple[int, int, int]]:
    """List (window, element, pixel) along an axis."""
    return [(p, i, r) for p in range(window.output[axis]) for i, r in window.along(axis, p)]


def _window(kind: str, how: dict[str, Any], size: tuple[int, ...]) -> Window:
    return Window.of(
        kind,
        (size[0], size[1]),
        how["kernel_size"],
        how["stride"],
        how["padding"],
        how["dilation"],
        how.get("ceil_mode", False),
    )


def _sliding(kind: str, how: dict[str, Any], size: Any, output: Any) -> list[AxisTaps]:
    window = _window(kind, how, size)
    return [
        _tables(_met(window, axis), (output[axis], window.kernel[axis], size[axis]))
        for axis in (0, 1)
    ]


def _averaging(kind: str, how: dict[str, Any], size: Any, output: Any) -> list[AxisTaps]:
    window, found = _window(kind, how, size), []
    for axis in (0, 1):
        met = _met(window, axis)
        under = Counter(p for p, _, _ in met)
        seen = [under[p] for p in range(output[axis])]
        if how["count_include_pad"]:  # what hangs over the padding is still not counted
            room = size[axis] + sum(window.padding[axis])
            stride, dilation = window.stride[axis], window.dilation[axis]
            fitting = [-(-(room - p * stride) // dilation) for p in range(output[axis])]
            counted = [min(window.kernel[axis], count) for count in fitting]
        else:
            counted = seen
        shares = [[1 / divisor] * n for divisor, n in zip(counted, seen, strict=True)]
        found.append(_tables(met, (output[axis], window.kernel[axis], size[axis]), shares))
    return found


def _stamping(kind: str, how: dict[str, Any], size: Any, output: Any) -> list[AxisTaps]:
    names = ("stride", "padding", "output_padding", "dilation")
    stamp = Stamp.of(kind, how["kernel_size"], *(how[name] for name in names))
    window = stamp.window((size[0], size[1]))
    return [
        # the window is that of the convolution behind it: its outputs are our inputs
        _tables(
            [(row, i, p) for p, i, row in _met(window, axis)],
            (output[axis], window.kernel[axis], size[axis]),
        )
        for axis in (0, 1)
    ]


def _cells(kind: str, how: dict[str, Any], size: Any, output: Any) -> list[AxisTaps]:
    if kind == "AdaptiveAvgPool2d":
        output = pair_of(kind, how["output_size"], (size[0], size[1]))
    found = []
    for inputs, outputs in zip(size, output, strict=True):
        cells = [cell(p, inputs, outputs) for p in range(outputs)]
        met = [(p, i, r) for p, own in enumerate(cells) for i, r in enumerate(own)]
        shares = [[1 / len(own)] * len(own) for own in cells]
        found.append(_tables(met, (outputs, max(map(len, cells)), inputs), shares))
    return found


def _drawing(kind: str, how: dict[str, Any], size: Any, output: Any) -> list[AxisTaps]:
    grid, found = Grid.of(kind, size, **how), []
    for axis in (0, 1):
        parts = [grid.parts(axis, u) for u in range(output[axis])]
        met = [(u, i, r) for u, part in enumerate(parts) for i, (r, _) in enumerate(part)]
        shares = [[share for _, share in part] for part in parts]
        found.append(_tables(met, (output[axis], max(map(len, parts)), size[axis]), shares))
    return found


_AXES = {
    "Conv2d": _sliding,
    "MaxPool2d": _sliding,
    "AvgPool2d": _averaging,
    "ConvTranspose2d": _stamping,
    "GlobalAvgPool2d": _cells,
    "AdaptiveAvgPool2d": _cells,
    "Upsample": _drawing,
}
