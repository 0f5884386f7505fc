"""ReduceMean, ReduceSum, ReduceMax, ReduceMin: along any axes."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers.elementary.reduce import Reduce

LAYERS = (Reduce,)


def write(node: Reduce, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator, whose axes were an attribute before opset 18 (of a sum, before 13)."""
    kind = f"Reduce{node.kind.capitalize()}"
    axes = [axis + 1 for axis in node.axes]
    keep = int(node.keepdims)
    if to.opset >= (13 if node.kind == "sum" else 18):
        return to.op(kind, inputs[0], to.constant(axes, "axes", "int64"), keepdims=keep)
    return to.op(kind, inputs[0], axes=axes, keepdims=keep)
