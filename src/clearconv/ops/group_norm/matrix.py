"""Group normalisation on whole arrays: the channels' axis is split into groups and their channels.

Splitting an axis copies nothing, so channels-last memory stays so. Sums are taken in float64.
"""

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import by_shards

_GROUP = (2, 3, 4)  # the axes of a group's numbers, of (N, G, C/G, H, W)


def forward(
    x: Array,
    num_groups: int,
    weight: Array,
    bias: Array,
    eps: float,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Mean, deviations from it, their mean square: the corrected two-pass algorithm."""
    groups = _groups(x, num_groups)
    near = groups.mean(_GROUP, dtype=np.float64).astype(x.dtype)  # (N, G)
    away = groups - _wide(near)
    rest = away.mean(_GROUP, dtype=np.float64)  # the part of the mean that rounding left
    var = np.maximum(np.square(away).mean(_GROUP, dtype=np.float64) - rest**2, 0)
    scale = _channels(weight, groups) * _wide(1 / np.sqrt(var + eps))  # (N, G, C/G, 1, 1)
    shift = _channels(bias, groups) - scale * _wide(rest)
    away *= scale.astype(x.dtype)
    away += shift.astype(x.dtype)
    return put(away.reshape(x.shape), out), near + rest, var


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
    """The sums over each channel of each image, taken once, make all three."""
    groups, hat = _groups(grad_y, mean.shape[1]), _hat(x, mean, var, eps)
    sums = groups.sum((3, 4), dtype=np.float64)  # (N, G, C/G)
    products = (groups * hat).sum((3, 4), dtype=np.float64)
    grad_x = _input(groups, hat, sums, products, weight, var, eps)
    return put(grad_x.reshape(x.shape), out), _over_images(products, sums, shards=shards)


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
    return backward(grad_y, weight, x, mean, var, eps, out=out)[0]


def gradient_sums(
    grad_y: Array, x: Array, mean: Array, var: Array, eps: float, shards: Shards = WHOLE
) -> Array:
    """Sums of `grad_y` times x̂, and of `grad_y`, over images and positions."""
    groups, products = _groups(grad_y, mean.shape[1]), _hat(x, mean, var, eps)
    products *= groups
    both = [part.sum((3, 4), dtype=np.float64) for part in (products, groups)]  # (N, G, C/G) each
    return _over_images(*both, shards=shards)


@by_shards(2)
def _over_images(products: Array, sums: Array) -> Array:
    """Add up the sums of each image, (N, G, C/G): (2, C)."""
    return np.stack([part.sum(0).reshape(-1) for part in (products, sums)])


def _input(
    groups: Array, hat: Array, sums: Array, products: Array, weight: Array, var: Array, eps: float
) -> Array:
    """Make dx of dy and x̂ (used up), both (N, G, C/G, H, W), and each channel's sums."""
    M = hat[0, 0].size if len(hat) else 1
    factors = weight.astype(np.float64).reshape(groups.shape[1:3])  # (G, C/G)
    through_mean = (factors * sums).sum(2) / M  # (N, G)
    through_var = (factors * products).sum(2) / M
    root, dtype = 1 / np.sqrt(var + eps), groups.dtype
    hat *= _wide(-root * through_var).astype(dtype)
    hat -= _wide(root * through_mean).astype(dtype)
    hat += groups * (_channels(weight, groups) * _wide(root)).astype(dtype)
    return hat


def _hat(x: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return x̂, (N, G, C/G, H, W)."""
    near = mean.astype(x.dtype)
    hat = _groups(x, mean.shape[1]) - _wide(near)
    hat -= _wide(mean - near).astype(x.dtype)
    hat *= _wide(1 / np.sqrt(var + eps)).astype(x.dtype)
    return hat


def _groups(x: Array, num_groups: int) -> Array:
    """View (N, C, H, W) as (N, G, C/G, H, W)."""
    N, C, H, W = x.shape
    return x.reshape(N, num_groups, C // num_groups, H, W)


def _channels(numbers: Array, groups: Array) -> Array:
    """View one number per channel as float64 (1, G, C/G, 1, 1)."""
    return numbers.astype(np.float64).reshape(1, *groups.shape[1:3], 1, 1)


def _wide(numbers: Array) -> Array:
    """View one number per image and group, (N, G), as (N, G, 1, 1, 1)."""
    return numbers[:, :, None, None, None]
