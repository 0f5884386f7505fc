"""Resize: up-sampling.

Where the factors are whole numbers, the operator is written. Elsewhere runtimes compute the places
of the outputs in float32 and may round a whole place down, so that the places are written out: as
indices for "nearest", as two products for "bilinear".
"""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.along import along_both, shares
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Upsample
from clearconv.ops.upsample2d.grid import Grid

LAYERS = (Upsample,)


def write(node: Upsample, inputs: Sequence[str], to: Writer) -> str:
    """Write one operator where the factors are whole, else an operator for each axis."""
    grid = Grid.of(node.label, node.input_shape[1:], **node.arguments)
    factors = [out / size for size, out in zip(grid.input, grid.output, strict=True)]
    told = [over / under for over, under in grid.step]  # input pixels per output pixel
    whole = all(float(f).is_integer() and f * t == 1 for f, t in zip(factors, told, strict=True))
    if whole and not node.arguments["align_corners"]:
        scales = to.constant([1.0, 1.0, *factors], "scales", "float32")
        if not grid.linear:
            how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            return to.op("Resize", inputs[0], "", scales, mode="nearest", **how)
        how = {"coordinate_transformation_mode": "half_pixel"}
        return to.op("Resize", inputs[0], "", scales, mode="linear", **how)
    if not grid.linear:
        y = inputs[0]
        for axis in (0, 1):
            places = [grid.parts(axis, u)[0][0] for u in range(grid.output[axis])]
            indices = to.constant(places, "places", "int64")
            y = to.op("Gather", y, indices, axis=2 + axis)
        return y
    return along_both(inputs[0], shares(grid, 0), shares(grid, 1), to)
