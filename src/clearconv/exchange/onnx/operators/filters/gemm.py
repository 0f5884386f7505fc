"""Gemm: a fully connected layer."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.activate import activated
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Linear

LAYERS = (Linear,)


def write(node: Linear, inputs: Sequence[str], to: Writer) -> str:
    """Write the product with the transposed weights, the bias, and the activation."""
    weight, bias = to.parameter(node, "weight"), to.parameter(node, "bias")
    after = () if bias is None else (bias,)
    y = to.op("Gemm", inputs[0], weight or "", *after, transB=1)
    return activated(node.activation, y, to)
