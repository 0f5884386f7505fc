"""Convolution as one matrix product: patches become rows (im2col), filters become columns.

Results are (N, C, H, W) views over channels-last memory: that is how the products come out. All
sums are direct, so `exact` changes nothing.
"""

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.conv2d.points import weight_from_sum as weight_from_sum
from clearconv.ops.geometry.patches import gather, pad, scatter
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
    """Patches (rows) times filters (columns)."""
    N, O = x.shape[0], weight.shape[0]
    rows = _rows(x, window, groups) @ _columns(weight, groups)  # (G, N*OH*OW, O/G)
    y = put(_image(rows, (N, *window.output)), out)  # (N, O, OH, OW)
    if bias is not None:
        y += bias.reshape(O, *(bias.shape[1:] or (1, 1)))  # (O, 1, 1) or (O, OH, OW)
    return y


def backward_input(
    grad_y: Array,
    weight: Array,
    window: Window,
    groups: int,
    exact: bool = True,
    out: Array | None = None,
) -> Array:
    """`grad_y` times the transposed filters gives each patch's gradient; add the patches back."""
    N, I, (KH, KW), (OH, OW) = grad_y.shape[0], weight.shape[1], window.kernel, window.output
    rows = _grads(grad_y, groups) @ _columns(weight, groups).transpose(0, 2, 1)  # (G, NPQ, KH*KW*I)
    patches = rows.reshape(groups, N, OH, OW, KH, KW, I)
    patches = np.moveaxis(patches, 0, 5).reshape(N, OH, OW, KH, KW, groups * I)  # C = (G, I)
    return scatter(patches, window, out)  # (N, C, H, W)


@by_shards(2)
def backward_weight(
    grad_y: Array, x: Array, window: Window, groups: int, exact: bool = True
) -> Array:
    """Transposed patches times `grad_y`."""
    O, I, (KH, KW) = grad_y.shape[1], x.shape[1] // groups, window.kernel
    rows = _rows(x, window, groups).transpose(0, 2, 1)  # (G, KH*KW*I, NPQ)
    product = rows @ _grads(grad_y, groups)  # (G, KH*KW*I, O/G)
    product = product.reshape(groups, KH, KW, I, O // groups)
    return product.transpose(0, 4, 3, 1, 2).reshape(O, I, KH, KW)


@by_shards(1)
def backward_bias(grad_y: Array, shared: bool = True) -> Array:
    """Sum over images and positions, or over images."""
    return grad_y.sum(axis=(0, 2, 3) if shared else 0)  # (O,) or (O, OH, OW)


weight_sum = backward_weight  # of these shards, to which other shards' sums can be added


def _rows(x: Array, window: Window, groups: int) -> Array:
    """Return every patch as a row, group by group: (G, N*OH*OW, KH*KW*I)."""
    N, C = x.shape[:2]
    (OH, OW), (KH, KW) = window.output, window.kernel
    patches = gather(pad(x, window), window)  # (N, OH, OW, KH, KW, C)
    patches = patches.reshape(N, OH, OW, KH, KW, groups, C // groups)
    patches = np.moveaxis(patches, 5, 0)  # (G, N, OH, OW, KH, KW, I)
    return patches.reshape(groups, N * OH * OW, KH * KW * (C // groups))


def _columns(weight: Array, groups: int) -> Array:
    """Return every filter as a column, group by group: (G, KH*KW*I, O/G)."""
    O, I, KH, KW = weight.shape
    columns = weight.reshape(groups, O // groups, I, KH, KW).transpose(0, 3, 4, 2, 1)
    return columns.reshape(groups, KH * KW * I, O // groups)


def _grads(grad_y: Array, groups: int) -> Array:
    """Return `grad_y` as rows of output positions, group by group: (G, N*OH*OW, O/G)."""
    N, O, OH, OW = grad_y.shape
    rows = grad_y.transpose(0, 2, 3, 1).reshape(N * OH * OW, groups, O // groups)
    return rows.transpose(1, 0, 2)


def _image(rows: Array, positions: tuple[int, int, int]) -> Array:
    """Undo `_grads`: (G, N*OH*OW, O/G) to (N, O, OH, OW)."""
    G, _, share = rows.shape
    return rows.transpose(1, 0, 2).reshape(*positions, G * share).transpose(0, 3, 1, 2)
