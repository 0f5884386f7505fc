"""Conv: a convolution, with explicit pads only.

Runtimes read ``auto_pad`` differently: OpenCV 5.0 takes SAME_UPPER for SAME_LOWER, and ONNX Runtime
1.32 refuses it together with dilation.
"""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.activate import activated
from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.layers import Conv2d
from clearconv.ops.geometry.window import Window

LAYERS = (Conv2d,)


def write(node: Conv2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the filters, a bias of every position where there is one, and the activation."""
    given = dict(node.geometry)
    groups = given.pop("groups")
    _, H, W = node.input_shape
    window = Window.of(node.label, (H, W), node.kernel, **given)
    filters = to.parameter(node, "weight")
    bias = to.parameter(node, "bias")
    after = () if bias is None or not node.shared_biases else (bias,)
    y = to.op(
        "Conv",
        inputs[0],
        filters or "",
        *after,
        kernel_shape=list(window.kernel),
        strides=list(window.stride),
        dilations=list(window.dilation),
        pads=pads(window.padding),
        group=groups,
    )
    if bias is not None and not node.shared_biases:
        y = to.op("Add", y, bias)  # (O, OH, OW)
    return activated(node.activation, y, to)
