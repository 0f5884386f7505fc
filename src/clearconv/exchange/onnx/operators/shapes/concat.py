"""Concat: branches joined along the channels."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Concat

LAYERS = (Concat,)


def write(node: Concat, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("Concat", *inputs, axis=1)
