"""Batch normalisation on a matrix whose columns are channels, in few passes over memory.

Channels-last memory is that matrix already, so nothing is copied there for layout's sake, and
results are (N, C, H, W) views over channels-last memory.

A row of few channels is too short for NumPy to be fast on, so several rows are seen as one wide
one, and what belongs to a channel is repeated across it.
"""

from math import gcd

import numpy as np

from clearconv.arrays import Array

# Rows are added in blocks, and the blocks in float64, so that no float32 sum grows long.
_BLOCK = 256


def forward(x: Array, weight: Array, bias: Array, mean: Array, var: Array, eps: float) -> Array:
    """Center, then scale and shift in place."""
    rows = _rows(x)
    near, rest = _split(mean, x)
    return _image(_finish(rows - _wide(near, rows), weight, bias, rest, var, eps), x)


def forward_training(
    x: Array, weight: Array, bias: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Mean, deviations from it, their mean square: the corrected two-pass algorithm."""
    rows = _rows(x)
    M, C = x.size // x.shape[1], x.shape[1]
    near, _ = _split(_sum(rows, C) / M, x)
    away = rows - _wide(near, rows)
    rest = _sum(away, C) / M  # what rounding left of the mean, seen from close by
    var = np.maximum(_sum(np.square(away), C) / M - rest**2, 0)
    return _image(_finish(away, weight, bias, rest, var, eps), x), near + rest, var


def backward(
    grad_y: Array, weight: Array, x: Array, mean: Array, var: Array, eps: float, fixed: bool
) -> tuple[Array, Array, Array]:
    """The sums over the batch, taken once, are two of the gradients and shape the third."""
    M, C = x.size // x.shape[1], x.shape[1]
    grads, hat = _rows(grad_y), _hat(x, mean, var, eps)
    grad_weight, grad_bias = _sum(grads * hat, C), _sum(grads, C)
    scale = weight / np.sqrt(var + eps)
    if fixed:
        grad_x = grads * _wide(scale, grads)
    else:
        grad_x = hat
        grad_x *= _wide(-grad_weight / M, grads)
        grad_x += grads
        grad_x -= _wide(grad_bias / M, grads)
        grad_x *= _wide(scale, grads)
    dtype = grad_y.dtype
    return _image(grad_x, grad_y), grad_weight.astype(dtype), grad_bias.astype(dtype)


def backward_input(
    grad_y: Array, weight: Array, x: Array, mean: Array, var: Array, eps: float, fixed: bool
) -> Array:
    """The direct path, less what the paths through mean and variance take away."""
    if not fixed:
        return backward(grad_y, weight, x, mean, var, eps, fixed)[0]
    grads = _rows(grad_y)
    return _image(grads * _wide(weight / np.sqrt(var + eps), grads), grad_y)


def backward_weight(grad_y: Array, x: Array, mean: Array, var: Array, eps: float) -> Array:
    """Sum of `grad_y` times x̂ over images and positions."""
    product = _hat(x, mean, var, eps)
    product *= _rows(grad_y)
    return _sum(product, x.shape[1]).astype(grad_y.dtype)


def backward_bias(grad_y: Array) -> Array:
    """Sum over images and positions."""
    return _sum(_rows(grad_y), grad_y.shape[1]).astype(grad_y.dtype)


def _finish(away: Array, weight: Array, bias: Array, rest: Array, var: Array, eps: float) -> Array:
    """From deviations (from a mean that is off by `rest`) to y, in place."""
    scale = weight / np.sqrt(var + eps)
    away *= _wide(scale, away)
    away += _wide(bias - rest * scale, away)
    return away


def _hat(x: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return x̂ as wide rows."""
    rows = _rows(x)
    near, rest = _split(mean, x)
    hat = rows - _wide(near, rows)
    hat -= _wide(rest, rows)
    hat *= _wide(1 / np.sqrt(var + eps), rows)
    return hat


def _split(mean: Array, x: Array) -> tuple[Array, Array]:
    """Split a float64 mean into what the dtype of x can hold and the small rest."""
    near = mean.astype(x.dtype).astype(np.float64)
    return near, mean - near


def _rows(x: Array) -> Array:
    """Return (N, C, H, W) as (N*H*W / k, k*C): k pixels a row; free for channels-last memory."""
    N, C, H, W = x.shape
    k = gcd(N * H * W, 64)
    return x.transpose(0, 2, 3, 1).reshape(N * H * W // k, k * C)


def _wide(channels: Array, rows: Array) -> Array:
    """Repeat one number a channel across the pixels of a row, in the dtype of the rows."""
    return np.tile(channels.astype(rows.dtype), rows.shape[1] // len(channels))  # (k*C,)


def _sum(rows: Array, C: int) -> Array:
    """Sum over images and positions, as float64: (C,)."""
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), _BLOCK):
        total += rows[start : start + _BLOCK].sum(axis=0)
    return total.reshape(-1, C).sum(axis=0)  # (k, C) -> (C,)


def _image(rows: Array, like: Array) -> Array:
    """Undo `_rows`: a view of shape (N, C, H, W)."""
    N, C, H, W = like.shape
    return rows.reshape(N, H, W, C).transpose(0, 3, 1, 2)
