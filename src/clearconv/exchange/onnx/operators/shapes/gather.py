"""Gather: places of an axis."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers.elementary.take import Take

LAYERS = (Take,)


def write(node: Take, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    places = to.constant(node.places, "places", "int64")
    return to.op("Gather", inputs[0], places, axis=node.axis + 1)
