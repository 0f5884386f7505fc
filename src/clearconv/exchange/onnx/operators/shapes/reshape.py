"""Reshape: the numbers of each input in another shape."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers.shape.reshape import Reshape

LAYERS = (Reshape,)


def write(node: Reshape, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator; 0 keeps the batch axis."""
    return to.op("Reshape", inputs[0], to.constant([0, *node.shape], "shape", "int64"))
