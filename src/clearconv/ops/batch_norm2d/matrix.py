"""Batch normalisation on a matrix whose columns are channels, in few passes over memory.

Channels-last memory is that matrix already, so nothing is copied because of the layout, and
results are (N, C, H, W) views over channels-last memory.

NumPy is slow on rows of few channels, so several rows are viewed as one wide row, and what belongs
to a channel is repeated across it.
"""

from collections.abc import Callable
from math import gcd

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.batch_norm2d.sums import slopes
from clearconv.ops.batch_norm2d.whole import Whole
from clearconv.ops.reduction import by_shards, join_moments

# Rows are added in blocks, and the blocks in float64, so that no float32 sum grows long.
_BLOCK = 256


def forward(
    x: Array,
    weight: Array,
    bias: Array,
    mean: Array,
    var: Array,
    eps: float,
    out: Array | None = None,
) -> Array:
    """Center, then scale and shift in place."""
    y = _room(x) if out is None else out
    to, rows = _side_by_side(y, x)
    near, rest = _split(mean, x)
    scale = weight / np.sqrt(var + eps)
    np.subtract(rows, _wide(near, rows), out=to)
    to *= _wide(scale, to)
    to += _wide(bias - rest * scale, to)
    return y


@by_shards(1, join_moments)
def moments(x: Array) -> Array:
    """Mean, distances from it, their squares: the corrected two-pass algorithm."""
    rows, C = _rows(x), x.shape[1]
    count = x.size // C
    M = max(count, 1)  # of no numbers the sums are 0
    near, _ = _split(_sum(C, lambda x: x, rows) / M, x)
    centre = _wide(near, rows)
    rest = _sum(C, lambda x: x - centre, rows) / M  # the part of the mean that rounding left
    deviation = _sum(C, lambda x: np.square(x - centre), rows) - M * rest**2
    return np.array([np.full(C, count), near + rest, deviation])  # (3, C)


@by_shards(2)
def gradient_sums(grad_y: Array, x: Array, mean: Array) -> Array:
    """The sums of dy, and of dy times the distance from the mean."""
    grads, rows, C = _rows(grad_y), _rows(x), x.shape[1]
    centre = _wide(_split(mean, x)[0], rows)
    product = _sum(C, lambda g, x: g * (x - centre), grads, rows)
    return np.array([_sum(C, lambda g: g, grads), product])  # (2, C)


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
    """The sums over the batch are two of the gradients and shape the third."""
    grad_x = _room(x) if out is None else out
    to, grads, rows = _side_by_side(grad_x, grad_y, x)
    near, rest = _split(mean, x)
    grad_weight, grad_bias = slopes(sums, mean, var, eps, near)
    root = np.sqrt(var + eps)
    if fixed:
        np.multiply(grads, _wide(weight / root, to), out=to)
    else:
        np.subtract(rows, _wide(near, to), out=to)
        to -= _wide(rest, to)
        to *= _wide(-grad_weight / (count * root), to)
        to += grads
        to -= _wide(grad_bias / count, to)
        to *= _wide(weight / root, to)
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
    """Sum of `grad_y` times x̂ over images and positions."""
    sums = gradient_sums(grad_y, x, mean)
    return put(slopes(sums, mean, var, eps, _split(mean, x)[0])[0].astype(grad_y.dtype), out)


def backward_bias(grad_y: Array, out: Array | None = None) -> Array:
    """Sum over images and positions."""
    return put(_total(grad_y).astype(grad_y.dtype), out)


@by_shards(1)
def _total(grad_y: Array) -> Array:
    return _sum(grad_y.shape[1], lambda g: g, _rows(grad_y))


def _split(mean: Array, x: Array) -> tuple[Array, Array]:
    """Split a float64 mean into what the dtype of x can hold and the small rest."""
    near = mean.astype(x.dtype).astype(np.float64)
    return near, mean - near


def _rows(x: Array) -> Array:
    """Return (N, C, H, W) as (N*H*W / k, k*C): k pixels per row; free for channels-last memory."""
    N, C, H, W = x.shape
    k = gcd(N * H * W, 64)
    return x.transpose(0, 2, 3, 1).reshape(N * H * W // k, k * C)


def _side_by_side(*arrays: Array) -> list[Array]:
    """View arrays of one shape as rows, or, if one would be copied, as (N, H, W, C)."""
    last = [array.transpose(0, 2, 3, 1) for array in arrays]
    return [_rows(a) for a in arrays] if all(a.flags.c_contiguous for a in last) else last


def _wide(channels: Array, rows: Array) -> Array:
    """Repeat one number per channel across the pixels of a row, in the dtype of the rows."""
    return np.tile(channels.astype(rows.dtype), rows.shape[-1] // len(channels))  # (k*C,)


def _sum(C: int, summand: Callable[..., Array], *rows: Array) -> Array:
    """Sum a function of the rows over images and positions, as float64: (C,)."""
    total = np.zeros(rows[0].shape[1])
    for start in range(0, len(rows[0]), _BLOCK):
        total += summand(*(array[start : start + _BLOCK] for array in rows)).sum(axis=0)
    return total.reshape(-1, C).sum(axis=0)  # (k, C) -> (C,)


def _room(like: Array) -> Array:
    """Make room for a result: a view of shape (N, C, H, W)."""
    N, C, H, W = like.shape
    return np.empty((N, H, W, C), like.dtype).transpose(0, 3, 1, 2)
