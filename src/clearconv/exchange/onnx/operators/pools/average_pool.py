"""AveragePool: the mean of each window.

``ceil_mode`` and ``dilations`` are never written: runtimes differ on the divisor of a window that
hangs over, and dilation came only with opset 19. In these cases the sums are a convolution with
ones, which is then divided by the number of places that count.
"""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.operators.base.writer import Writer, pads
from clearconv.exchange.onnx.operators.pools.windows import window_of
from clearconv.layers import AvgPool2d

LAYERS = (AvgPool2d,)


def write(node: AvgPool2d, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator where it is plain, else sums and divisors."""
    window, sides = window_of(node)
    counted = node.arguments["count_include_pad"]
    padded = any(map(any, sides))
    plain = window.dilation == (1, 1) and sides == window.padding
    small = all(max(sides[axis]) < window.kernel[axis] for axis in (0, 1))
    if plain and small:
        return to.op(
            "AveragePool",
            inputs[0],
            kernel_shape=list(window.kernel),
            strides=list(window.stride),
            pads=pads(sides),
            count_include_pad=int(counted) if padded else None,
        )
    C = node.input_shape[0]
    sums = to.op(
        "Conv",
        inputs[0],
        to.constant(np.ones((C, 1, *window.kernel)), "ones", "float32"),
        kernel_shape=list(window.kernel),
        strides=list(window.stride),
        dilations=list(window.dilation),
        pads=pads(sides),
        group=C,
    )
    along = []
    for axis in (0, 1):
        before, after = window.padding[axis] if counted else (0, 0)
        low, high = -before, window.input[axis] + after
        starts = np.arange(window.output[axis]) * window.stride[axis] - window.padding[axis][0]
        places = starts[:, None] + np.arange(window.kernel[axis]) * window.dilation[axis]
        along.append(((places >= low) & (places < high)).sum(axis=1))
    divisors = np.outer(*along)  # (OH, OW)
    return to.op("Div", sums, to.constant(divisors, "divisors", "float32"))
