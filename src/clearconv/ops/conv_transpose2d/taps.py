"""The outputs that a pixel's kernel covers."""

from typing import Any

from clearconv.ops.conv_transpose2d.transposed import TransposedKernel
from clearconv.ops.geometry.tables import Axes, met, tables
from clearconv.ops.geometry.window import Pair


def axes(size: Pair, output: Pair, arguments: dict[str, Any]) -> Axes:
    """Return the tables of a layer with these `arguments`."""
    names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
    window = TransposedKernel.of("conv_transpose2d", *(arguments[name] for name in names)).window(
        size
    )
    rows, columns = (
        # the window is that of the reversed convolution: its outputs are our inputs
        tables(
            [(row, i, p) for p, i, row in met(window, axis)],
            (output[axis], window.kernel[axis], size[axis]),
        )
        for axis in (0, 1)
    )
    return rows, columns
