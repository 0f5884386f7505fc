"""Add: the end of a block with a shortcut."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Residual

LAYERS = (Residual,)


def write(node: Residual, inputs: Sequence[str], to: Writer) -> str:
    """Write the sum of body and shortcut; the activation after it is a layer of its own."""
    return to.op("Add", *inputs)
