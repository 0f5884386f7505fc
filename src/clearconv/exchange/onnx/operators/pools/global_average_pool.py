"""GlobalAveragePool: the mean of each whole map."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import GlobalAvgPool2d

LAYERS = (GlobalAvgPool2d,)


def write(node: GlobalAvgPool2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("GlobalAveragePool", inputs[0])
