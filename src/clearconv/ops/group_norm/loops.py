"""Group normalisation image by image and number by number."""

from math import sqrt

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import by_shards


def forward(
    x: Array,
    num_groups: int,
    weight: Array,
    bias: Array,
    eps: float,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Mean first, then the mean squared distance from it, then center, divide, scale, shift."""
    N, C, H, W = x.shape
    size = C // num_groups  # channels of a group
    M = size * H * W
    mean, var = np.zeros((N, num_groups)), np.zeros((N, num_groups))
    for n, c, h, w in np.ndindex(x.shape):
        mean[n, c // size] += float(x[n, c, h, w]) / M
    for n, c, h, w in np.ndindex(x.shape):
        var[n, c // size] += (float(x[n, c, h, w]) - mean[n, c // size]) ** 2 / M
    hat = _hat(x, mean, var, eps)
    y = np.empty_like(x) if out is None else out
    for n, c, h, w in np.ndindex(x.shape):
        y[n, c, h, w] = weight[c] * hat[n, c, h, w] + bias[c]
    return y, mean, var


def backward(
    grad_y: Array,
    weight: Array,
    x: Array,
    mean: Array,
    var: Array,
    eps: float,
    shards: Shards = WHOLE,
    out: Array | None = None,
) -> tuple[Array, Array]:
    """Each gradient by its own formula."""
    return (
        backward_input(grad_y, weight, x, mean, var, eps, out),
        gradient_sums(grad_y, x, mean, var, eps, shards=shards),
    )


def backward_input(
    grad_y: Array,
    weight: Array,
    x: Array,
    mean: Array,
    var: Array,
    eps: float,
    out: Array | None = None,
) -> Array:
    """The direct path, minus what the paths through mean and variance subtract."""
    _, C, H, W = x.shape
    size = C // mean.shape[1]
    M = size * H * W
    hat = _hat(x, mean, var, eps)
    through_mean, through_var = np.zeros_like(mean), np.zeros_like(mean)
    for n, c, h, w in np.ndindex(x.shape):
        grad = float(weight[c]) * float(grad_y[n, c, h, w])
        through_mean[n, c // size] += grad / M
        through_var[n, c // size] += grad * hat[n, c, h, w] / M
    grad_x = np.empty_like(grad_y) if out is None else out
    for n, c, h, w in np.ndindex(x.shape):
        grad, g = float(weight[c]) * float(grad_y[n, c, h, w]), c // size
        rest = grad - through_mean[n, g] - hat[n, c, h, w] * through_var[n, g]
        grad_x[n, c, h, w] = rest / sqrt(var[n, g] + eps)
    return grad_x


@by_shards(4)
def gradient_sums(grad_y: Array, x: Array, mean: Array, var: Array, eps: float) -> Array:
    """The scale met x̂ at every place of its channel; the shift was added there."""
    hat = _hat(x, mean, var, eps)
    sums = np.zeros((2, x.shape[1]))
    grad_weight, grad_bias = sums
    for n, c, h, w in np.ndindex(x.shape):
        grad_weight[c] += float(grad_y[n, c, h, w]) * hat[n, c, h, w]
        grad_bias[c] += float(grad_y[n, c, h, w])
    return sums


def _hat(x: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return x̂: how many standard deviations each number lies from its group's mean; float64."""
    size = x.shape[1] // mean.shape[1]
    hat = np.empty(x.shape)
    for n, c, h, w in np.ndindex(x.shape):
        g = c // size
        hat[n, c, h, w] = (float(x[n, c, h, w]) - mean[n, g]) / sqrt(var[n, g] + eps)
    return hat
