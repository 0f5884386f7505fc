"""Softmax, along the channels.

Before opset 13 the operator meant something else, and several runtimes never learnt that; the
writer knows no earlier opset.
"""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Softmax

LAYERS = (Softmax,)


def write(node: Softmax, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("Softmax", inputs[0], axis=1)
