"""BatchNormalization, with the running statistics, unless it was folded into the filters."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import BatchNorm2d

LAYERS = (BatchNorm2d,)


def write(node: BatchNorm2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator; nothing where its numbers were folded into the layer before."""
    names = ("weight", "bias", "running_mean", "running_var")
    values = [to.parameter(node, name) for name in names]
    given = [value for value in values if value is not None]
    if not given:
        return inputs[0]
    return to.op("BatchNormalization", inputs[0], *given, epsilon=float(node.eps))
