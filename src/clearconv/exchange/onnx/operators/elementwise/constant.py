"""Constants of a graph, stored under their own names."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Constant

LAYERS = (Constant,)


def write(node: Constant, inputs: Sequence[str], to: Writer) -> str:
    """Store the numbers, without a batch axis."""
    return to.parameter(node, "value") or ""
