"""Flatten: maps as a row of features, in (C, H, W) order."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Flatten

LAYERS = (Flatten,)


def write(node: Flatten, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("Flatten", inputs[0], axis=1)
