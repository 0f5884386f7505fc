"""InstanceNormalization: each image by itself, over channels, groups of them, or all numbers.

GroupNormalization came late and changed its meaning from opset 18 to 21, so groups are written as
instances of one channel each.
"""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import GroupNorm, InstanceNorm2d, LayerNorm

LAYERS = (GroupNorm, InstanceNorm2d, LayerNorm)


def write(node: GroupNorm | InstanceNorm2d | LayerNorm, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator on groups as channels, then scale and shift."""
    C, *size = node.input_shape
    # one number for each channel, or a LayerNorm's for each number
    shape = (C, 1, 1) if isinstance(node, GroupNorm) and size else None
    weight, bias = (to.parameter(node, name, shape) for name in ("weight", "bias"))
    groups = node.num_groups if isinstance(node, GroupNorm) else 1
    epsilon = float(node.eps)
    if isinstance(node, InstanceNorm2d):
        scale = weight or to.constant(np.ones(C), "ones", "float32")
        shift = bias or to.constant(np.zeros(C), "zeros", "float32")
        return to.op("InstanceNormalization", inputs[0], scale, shift, epsilon=epsilon)
    whole = int(np.prod(node.input_shape))
    rows = to.constant([-1, groups, whole // groups, 1], "groups", "int64")
    ones = to.constant(np.ones(groups), "ones", "float32")
    zeros = to.constant(np.zeros(groups), "zeros", "float32")
    y = to.op("Reshape", inputs[0], rows)  # (N, groups, C/groups*H*W, 1)
    y = to.op("InstanceNormalization", y, ones, zeros, epsilon=epsilon)
    y = to.op("Reshape", y, to.constant([-1, C, *size], "shape", "int64"))  # (N, C, H, W)
    if weight is None or bias is None:
        return y
    return to.op("Add", to.op("Mul", y, weight), bias)
