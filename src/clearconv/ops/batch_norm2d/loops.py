"""Batch normalisation channel by channel, number by number, as the paper's algorithm reads."""

from math import sqrt
from typing import Any

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, weight: Array, bias: Array, mean: Array, var: Array, eps: float) -> Array:
    """Center, divide, scale, shift."""
    y = np.empty_like(x)
    for n, c, h, w in np.ndindex(x.shape):
        y[n, c, h, w] = weight[c] * _hat(x[n, c, h, w], mean[c], var[c], eps) + bias[c]
    return y


def forward_training(
    x: Array, weight: Array, bias: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Mean first, then the mean squared distance from it, then the formula."""
    N, C, H, W = x.shape
    M = N * H * W
    mean, var = np.zeros(C), np.zeros(C)
    for n, c, h, w in np.ndindex(x.shape):
        mean[c] += float(x[n, c, h, w]) / M
    for n, c, h, w in np.ndindex(x.shape):
        var[c] += (float(x[n, c, h, w]) - mean[c]) ** 2 / M
    return forward(x, weight, bias, mean, var, eps), mean, var


def backward(
    grad_y: Array, weight: Array, x: Array, mean: Array, var: Array, eps: float, fixed: bool
) -> tuple[Array, Array, Array]:
    """Each gradient by its own formula."""
    return (
        backward_input(grad_y, weight, x, mean, var, eps, fixed),
        backward_weight(grad_y, x, mean, var, eps),
        backward_bias(grad_y),
    )


def backward_input(
    grad_y: Array, weight: Array, x: Array, mean: Array, var: Array, eps: float, fixed: bool
) -> Array:
    """The direct path, less what the paths through mean and variance take away."""
    N, C, H, W = x.shape
    M = max(N * H * W, 1)  # of no numbers the sums are 0
    through_mean = backward_bias(grad_y) / M
    through_var = backward_weight(grad_y, x, mean, var, eps) / M
    grad_x = np.empty_like(grad_y)
    for n, c, h, w in np.ndindex(x.shape):
        rest = float(grad_y[n, c, h, w])
        if not fixed:
            rest -= through_mean[c] + _hat(x[n, c, h, w], mean[c], var[c], eps) * through_var[c]
        grad_x[n, c, h, w] = weight[c] / sqrt(var[c] + eps) * rest
    return grad_x


def backward_weight(grad_y: Array, x: Array, mean: Array, var: Array, eps: float) -> Array:
    """The scale met x̂ at every place of its channel."""
    grad_weight = np.zeros(x.shape[1])
    for n, c, h, w in np.ndindex(x.shape):
        grad_weight[c] += float(grad_y[n, c, h, w]) * _hat(x[n, c, h, w], mean[c], var[c], eps)
    return grad_weight.astype(grad_y.dtype)


def backward_bias(grad_y: Array) -> Array:
    """The shift was added at every place of its channel."""
    grad_bias = np.zeros(grad_y.shape[1])
    for n, c, h, w in np.ndindex(grad_y.shape):
        grad_bias[c] += float(grad_y[n, c, h, w])
    return grad_bias.astype(grad_y.dtype)


def _hat(x: Any, mean: Any, var: Any, eps: float) -> float:
    """Return x̂ of one number: how many standard deviations it lies from the mean."""
    return (float(x) - mean) / sqrt(var + eps)
