"""Batch normalisation channel by channel, number by number, as the paper's algorithm reads."""

from math import sqrt
from typing import Any

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.batch_norm2d.sums import slopes
from clearconv.ops.batch_norm2d.whole import Whole
from clearconv.ops.reduction import by_shards, join_moments


def forward(
    x: Array,
    weight: Array,
    bias: Array,
    mean: Array,
    var: Array,
    eps: float,
    out: Array | None = None,
) -> Array:
    """Center, divide, scale, shift."""
    y = np.empty_like(x) if out is None else out
    for n, c, h, w in np.ndindex(x.shape):
        y[n, c, h, w] = weight[c] * _hat(x[n, c, h, w], mean[c], var[c], eps) + bias[c]
    return y


@by_shards(1, join_moments)
def moments(x: Array) -> Array:
    """Mean first, then the squared distances from it."""
    N, C, H, W = x.shape
    M = N * H * W
    mean, deviation = np.zeros(C), np.zeros(C)
    for n, c, h, w in np.ndindex(x.shape):
        mean[c] += float(x[n, c, h, w]) / M
    for n, c, h, w in np.ndindex(x.shape):
        deviation[c] += (float(x[n, c, h, w]) - mean[c]) ** 2
    return np.array([np.full(C, M), mean, deviation])  # (3, C)


@by_shards(2)
def gradient_sums(grad_y: Array, x: Array, mean: Array) -> Array:
    """The sums of dy, and of dy times the distance from the mean."""
    centre = mean.astype(x.dtype)
    total, product = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for n, c, h, w in np.ndindex(x.shape):
        total[c] += float(grad_y[n, c, h, w])
        product[c] += float(grad_y[n, c, h, w]) * (float(x[n, c, h, w]) - float(centre[c]))
    return np.array([total, product])  # (2, C)


def backward_from(
    sums: Array,
    count: int,
    grad_y: Array,
    weight: Array,
    x: Array,
    mean: Array,
    var: Array,
    eps: float,
    fixed: bool,
    out: Array | None = None,
    out_weight: Array | None = None,
    out_bias: Array | None = None,
) -> tuple[Array, Array, Array]:
    """The direct path, minus what the paths through mean and variance subtract."""
    grad_weight, grad_bias = slopes(sums, mean, var, eps, mean.astype(x.dtype))
    M = max(count, 1)  # of no numbers the sums are 0
    through_mean: Any = grad_bias / M
    through_var: Any = grad_weight / M
    grad_x = np.empty_like(grad_y) if out is None else out
    for n, c, h, w in np.ndindex(x.shape):
        rest = float(grad_y[n, c, h, w])
        if not fixed:
            rest -= through_mean[c] + _hat(x[n, c, h, w], mean[c], var[c], eps) * through_var[c]
        grad_x[n, c, h, w] = weight[c] / sqrt(var[c] + eps) * rest
    dtype = x.dtype
    return (
        grad_x,
        put(grad_weight.astype(dtype), out_weight),
        put(grad_bias.astype(dtype), out_bias),
    )


_whole = Whole(forward, moments, gradient_sums, backward_from)
forward_training = _whole.forward_training
backward, backward_input = _whole.backward, _whole.backward_input


def backward_weight(
    grad_y: Array, x: Array, mean: Array, var: Array, eps: float, out: Array | None = None
) -> Array:
    """The scale met x̂ at every place of its channel."""
    sums = gradient_sums(grad_y, x, mean)
    return put(slopes(sums, mean, var, eps, mean.astype(x.dtype))[0].astype(grad_y.dtype), out)


def backward_bias(grad_y: Array, out: Array | None = None) -> Array:
    """The shift was added at every place of its channel."""
    return put(_total(grad_y).astype(grad_y.dtype), out)


@by_shards(1)
def _total(grad_y: Array) -> Array:
    total = np.zeros(grad_y.shape[1])
    for n, c, h, w in np.ndindex(grad_y.shape):
        total[c] += float(grad_y[n, c, h, w])
    return total


def _hat(x: Any, mean: Any, var: Any, eps: float) -> float:
    """Return x̂ of one number: how many standard deviations it lies from the mean."""
    return (float(x) - mean) / sqrt(var + eps)
