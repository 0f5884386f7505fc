"""Transpose: the axes of each input in another order."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers.shape.reshape import Permute

LAYERS = (Permute,)


def write(node: Permute, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("Transpose", inputs[0], perm=[0, *node.axes])
