"""Dropout: nothing in evaluation, so that no operator is written."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Dropout

LAYERS = (Dropout,)


def write(node: Dropout, inputs: Sequence[str], to: Writer) -> str:
    """Hand the input on."""
    return inputs[0]
