"""Pad: a frame of one number."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.layers.shape.pad import Pad

LAYERS = (Pad,)


def write(node: Pad, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    around = to.constant(pads([(0, 0), *node.padding]), "pads", "int64")
    return to.op("Pad", inputs[0], around, to.constant(node.filling, "value", "float32"))
