"""MatMul: the product of two values."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.exchange.onnx.operators.elementwise.pairs import same_axes
from clearconv.layers.elementary.matmul import MatMul

LAYERS = (MatMul,)


def write(node: MatMul, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    return to.op("MatMul", *same_axes(node, inputs, to))
