"""Convolution as the article tells it: one output at a time, a patch times a filter.

All sums are direct, so `exact` changes nothing.
"""

import numpy as np

from clearconv.arrays import Array, zeros
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
    """Formulas 1 to 5: each output is the sum over one patch."""
    N, O, I = x.shape[0], *weight.shape[:2]
    y = zeros((N, O, *window.output), x.dtype, out)
    for n, o, p, q in np.ndindex(y.shape):
        group = _channels(o, O, I, groups)
        for i, j, row, col in window.taps(p, q):
            y[n, o, p, q] += np.dot(weight[o, :, i, j], x[n, group, row, col])
        if bias is not None:
            y[n, o, p, q] += bias[o] if bias.ndim == 1 else bias[o, p, q]
    return y


def backward_input(
    grad_y: Array,
    weight: Array,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """Formulas 11 and 12, read forwards: every output passes its gradient back to its patch."""
    N, O, OH, OW = grad_y.shape
    I = weight.shape[1]
    grad_x = zeros((N, I * groups, *window.input), grad_y.dtype, out)
    for n, o, p, q in np.ndindex(N, O, OH, OW):
        group = _channels(o, O, I, groups)
        for i, j, row, col in window.taps(p, q):
            grad_x[n, group, row, col] += weight[o, :, i, j] * grad_y[n, o, p, q]
    return grad_x


@by_shards(2)
def backward_weight(
    grad_y: Array, x: Array, window: Window, groups: int, exact: bool = True
) -> Array:
    """Formula 14: every output passes its gradient, times the pixel, to the weight it used."""
    N, O, OH, OW = grad_y.shape
    I = x.shape[1] // groups
    grad_weight = np.zeros((O, I, *window.kernel), dtype=x.dtype)
    for n, o, p, q in np.ndindex(N, O, OH, OW):
        group = _channels(o, O, I, groups)
        for i, j, row, col in window.taps(p, q):
            grad_weight[o, :, i, j] += x[n, group, row, col] * grad_y[n, o, p, q]
    return grad_weight


@by_shards(1)
def backward_bias(grad_y: Array, shared: bool = True) -> Array:
    """Formula 15: the bias took part in every output of its channel, or of its position."""
    N, O, OH, OW = grad_y.shape
    grad_bias = np.zeros(O if shared else (O, OH, OW), dtype=grad_y.dtype)
    for n, o, p, q in np.ndindex(N, O, OH, OW):
        grad_bias[o if shared else (o, p, q)] += grad_y[n, o, p, q]
    return grad_bias


weight_sum = backward_weight  # of these shards, to which other shards' sums can be added


def _channels(o: int, O: int, I: int, groups: int) -> slice:
    """Return the input channels that output channel `o` sees."""
    group = o // (O // groups)
    return slice(group * I, (group + 1) * I)
