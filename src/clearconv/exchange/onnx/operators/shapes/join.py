"""Concat: values joined along any axis."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Unwritable, Writer
from clearconv.layers import Join

LAYERS = (Join,)


def write(node: Join, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator."""
    if any(node.fixed):
        raise Unwritable("it joins a constant to the values of each image")
    return to.op("Concat", *inputs, axis=node.axis)
