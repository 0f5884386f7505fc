"""ConvTranspose: a convolution's reverse, by pads and output_padding.

``output_shape`` is never written: the reference evaluator raises on it, OpenCV 5.0 ignores it, and
tract divides the padding differently.
"""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.activate import activated
from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.layers import ConvTranspose2d
from clearconv.ops.conv_transpose2d.transposed import TransposedKernel

LAYERS = (ConvTranspose2d,)


def write(node: ConvTranspose2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the filters, a bias of every position where there is one, and the activation."""
    given = dict(node.geometry)
    groups = given.pop("groups")
    kernel = TransposedKernel.of(node.label, node.kernel, **given)
    filters = to.parameter(node, "weight")
    bias = to.parameter(node, "bias")
    after = () if bias is None or not node.shared_biases else (bias,)
    y = to.op(
        "ConvTranspose",
        inputs[0],
        filters or "",
        *after,
        kernel_shape=list(kernel.kernel),
        strides=list(kernel.stride),
        dilations=list(kernel.dilation),
        pads=pads(kernel.sides),
        output_padding=list(kernel.extra) if any(kernel.extra) else None,
        group=groups,
    )
    if bias is not None and not node.shared_biases:
        y = to.op("Add", y, bias)  # (O, OH, OW)
    return activated(node.activation, y, to)
