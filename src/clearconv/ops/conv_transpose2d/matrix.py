"""Transposed convolution as the products of conv2d's matrix telling, with the roles exchanged.

Convolution multiplies patches by a matrix; this multiplies pixels by its transpose, and adds the
patches that come out. All sums are direct, so `exact` changes nothing.
"""

from clearconv.arrays import Array
from clearconv.ops.conv2d import matrix as conv2d
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.geometry.window import Window


def forward(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """Convolution's input gradient, with x as its `grad_y`; and the bias."""
    y = conv2d.backward_input(x, weight, window, groups, out=out)  # (N, O, OH, OW)
    if bias is not None:
        y += bias.reshape(y.shape[1], *(bias.shape[1:] or (1, 1)))  # (O, 1, 1) or (O, OH, OW)
    return y


def backward_input(
    grad_y: Array,
    weight: Array,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """Convolution's forward pass over `grad_y`."""
    return conv2d.forward(grad_y, weight, None, window, groups, out=out)  # (N, C, H, W)


def backward_weight(
    grad_y: Array,
    x: Array,
    window: Window,
    groups: int,
    exact: bool = True,
    shards: Shards = WHOLE,
    out: Array | None = None,
) -> Array:
    """Convolution's weight gradient, with x and `grad_y` exchanged."""
    return conv2d.backward_weight(x, grad_y, window, groups, shards=shards, out=out)


weight_sum = backward_weight
weight_from_sum, backward_bias = conv2d.weight_from_sum, conv2d.backward_bias  # the same
