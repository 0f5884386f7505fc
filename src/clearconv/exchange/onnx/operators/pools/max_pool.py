"""MaxPool, with a last incomplete window as pads at the end.

``ceil_mode`` is never written: OpenVINO 2026.4 keeps the window that starts beyond the picture.
"""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.exchange.onnx.operators.pools.windows import before_pool, window_of
from clearconv.layers import MaxPool2d

LAYERS = (MaxPool2d,)


def write(node: MaxPool2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator, after a padding of its own where a window may lie in it."""
    window, sides = window_of(node)
    x, sides = before_pool(inputs[0], window, sides, float("-inf"), to)
    holes = list(window.dilation) if window.dilation != (1, 1) else None
    return to.op(
        "MaxPool",
        x,
        kernel_shape=list(window.kernel),
        strides=list(window.stride),
        dilations=holes,
        pads=pads(sides),
    )
