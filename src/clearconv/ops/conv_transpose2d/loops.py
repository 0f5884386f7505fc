"""Transposed convolution as a stamp: each pixel presses the kernel onto the output.

``window.taps(p, q)`` yields the outputs under the kernel that pixel (p, q) lays down. All sums are
direct, so `exact` changes nothing.
"""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.conv2d.loops import backward_bias as backward_bias  # the same
from clearconv.ops.conv2d.points import weight_from_sum as weight_from_sum
from clearconv.ops.geometry.window import Window
from clearconv.ops.reduction import by_shards


def forward(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """Add every pixel, times the kernel, to the outputs under it."""
    N, C = x.shape[:2]
    share = weight.shape[1]
    y = zeros((N, share * groups, *window.input), x.dtype, out)
    for n, c, p, q in np.ndindex(x.shape):
        group = _channels(c, C, share, groups)
        for i, j, row, col in window.taps(p, q):
            y[n, group, row, col] += weight[c, :, i, j] * x[n, c, p, q]
    if bias is not None:
        for n, o, row, col in np.ndindex(y.shape):
            y[n, o, row, col] += bias[o] if bias.ndim == 1 else bias[o, row, col]
    return y


def backward_input(
    grad_y: Array,
    weight: Array,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """Each pixel collects from the outputs under its kernel, times the weights that went there."""
    N, (C, share) = grad_y.shape[0], weight.shape[:2]
    grad_x = zeros((N, C, *window.output), grad_y.dtype, out)
    for n, c, p, q in np.ndindex(grad_x.shape):
        group = _channels(c, C, share, groups)
        for i, j, row, col in window.taps(p, q):
            grad_x[n, c, p, q] += np.dot(weight[c, :, i, j], grad_y[n, group, row, col])
    return grad_x


@by_shards(2)
def backward_weight(
    grad_y: Array, x: Array, window: Window, groups: int, exact: bool = True
) -> Array:
    """Each pixel, times the gradient of an output under its kernel, goes to the weight between."""
    C, share = x.shape[1], grad_y.shape[1] // groups
    grad_weight = np.zeros((C, share, *window.kernel), dtype=x.dtype)
    for n, c, p, q in np.ndindex(x.shape):
        group = _channels(c, C, share, groups)
        for i, j, row, col in window.taps(p, q):
            grad_weight[c, :, i, j] += x[n, c, p, q] * grad_y[n, group, row, col]
    return grad_weight


weight_sum = backward_weight  # of these shards, to which other shards' sums can be added


def _channels(c: int, C: int, share: int, groups: int) -> slice:
    """Return the output channels that input channel `c` reaches."""
    group = c // (C // groups)
    return slice(group * share, (group + 1) * share)
