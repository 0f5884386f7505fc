r"""Group normalisation: every image's groups of channels to mean 0 and variance 1.

.. math::
    \hat x = \frac{x - \mu_{ng}}{\sqrt{\sigma_{ng}^2 + \epsilon}}, \qquad y = w_c\, \hat x + b_c

The statistics of group g are those of one image n, over the group's neighbouring channels and all
positions. So an image's result never depends on the rest of its batch, training and evaluation are
the same, and a batch of one will do: what batch normalisation cannot offer. One group of all
channels is layer normalisation, a group for each channel instance normalisation.

Shapes: x (N, C, H, W); weight and bias (C,). One image (C, H, W) and features (N, C) are accepted
too. x, weight and bias are all float32, or all float64; the statistics are float64, as
batch_norm2d's.

Sources: Wu and He, "Group normalization", 2018; Ba, Kiros and Hinton, "Layer normalization", 2016;
Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016. ``docs/group_norm.md`` derives the
formulas.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import (
    Array,
    Destination,
    as_images,
    check,
    expect,
    filled,
    same_dtype,
)
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import rounded, shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "GroupNormSaved",
    "backward",
    "backward_bias",
    "backward_input",
    "backward_sums",
    "backward_weight",
    "forward",
    "forward_saving",
    "gradient_sums",
]


@dataclass(frozen=True)
class GroupNormSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    mean, var : float64 ndarray of shape (N, num_groups)
        Statistics of each image's groups; `var` is the biased variance (divided by the count).
    eps : float
        Added to `var` under the root.
    """

    x: Array
    mean: Array
    var: Array
    eps: float


def forward(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Normalise each image's groups of channels, then scale and shift each channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    num_groups : int
        Number of groups of C / num_groups neighbouring channels.
    weight, bias : ndarray of shape (C,), optional
        Scale and shift; by default 1 and 0.
    eps : float
        Added to the variance under the root.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the channels do not fall into the groups, a parameter does not have one number for each
        channel, or a group has a single number, whose variance says nothing.
    ArgumentError
        If `num_groups` is not an integer of at least 1, or `eps` is negative.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y = w_c\, (x - \mu_{ng}) / \sqrt{\sigma_{ng}^2 + \epsilon} + b_c

    References
    ----------
    Wu and He, 2018, equations 1, 2 and 7.
    """
    return forward_saving(x, num_groups, weight, bias, eps, out=out, backend=backend)[0]


def forward_saving(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, GroupNormSaved]:
    r"""Normalise, and keep what backward needs.

    The variance is taken in two passes, the mean first and then the squared deviations from it:
    mean(x²) - mean(x)² would subtract two large, nearly equal numbers.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    num_groups : int
        Number of groups of C / num_groups neighbouring channels.
    weight, bias : ndarray of shape (C,), optional
        Scale and shift; by default 1 and 0.
    eps : float
        Added to the variance under the root.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Output, as from `forward`.
    saved : GroupNormSaved
        Record for the backward functions.

    Raises
    ------
    ShapeError
        If the channels do not fall into the groups, a parameter does not have one number for each
        channel, or a group has a single number, whose variance says nothing.
    ArgumentError
        If `num_groups` is not an integer of at least 1, or `eps` is negative.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: \mu_{ng} = \frac1M \sum_{c \in g,h,w} x_{n,c,h,w}, \qquad
        \sigma_{ng}^2 = \frac1M \sum_{c \in g,h,w} (x_{n,c,h,w} - \mu_{ng})^2, \qquad
        M = \frac CG H W

    References
    ----------
    Wu and He, 2018, equations 2 and 7.
    """
    what = "group_norm.forward_saving"
    check(what, "x", x, (2, 3, 4))
    filled(what, "x", x.shape, 0 if x.ndim == 3 else 1)
    batch = as_images(x)
    _check_groups(what, x, batch.shape, num_groups)
    weight = _parameter(what, "weight", weight, x, batch.shape[1], 1)
    bias = _parameter(what, "bias", bias, x, batch.shape[1], 0)
    if not eps >= 0:
        raise ArgumentError(f"{what}: eps is {eps}, but it must not be negative; 1e-5 is usual.")
    to = Destination(what, out, x.shape, x.dtype, x, weight, bias)
    place = _images(to.place)
    y, mean, var = pick("group_norm", backend).forward(batch, num_groups, weight, bias, eps, place)
    return to.result(y), GroupNormSaved(x, mean, var, eps)


def backward(
    grad_y: Array,
    weight: Array | None,
    saved: GroupNormSaved,
    *,
    out: Array | None = None,
    out_weight: Array | None = None,
    out_bias: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, Array, Array]:
    r"""Return all three gradients of the loss at once.

    All need the same sums over each channel of an image, so together they cost little more than
    the gradient of x alone.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,), or None
        Scale of the forward pass.
    saved : GroupNormSaved
        From `forward_saving`.
    out, out_weight, out_bias : ndarray, optional
        Receive the results.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of x
        Gradient of the input, see `backward_input`.
    grad_weight : ndarray of shape (C,)
        Gradient of the scale, see `backward_weight`.
    grad_bias : ndarray of shape (C,)
        Gradient of the shift, see `backward_bias`.

    Raises
    ------
    ShapeError
        If `grad_y` or `weight` does not fit the forward pass.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    With r = 1 / sqrt(σ² + ε) and the sums of dx over an image's group:

    .. math:: dw_c = \sum_{n,h,w} dy\, \hat x, \qquad db_c = \sum_{n,h,w} dy, \qquad
        dx = r \left( w_c\, dy - \frac1M \sum w\, dy - \hat x\, \frac1M \sum w\, dy\, \hat x \right)

    References
    ----------
    Wu and He, 2018; ``docs/group_norm.md``.
    """
    what = "group_norm.backward"
    batch, scale = _check_backward(what, grad_y, weight, saved)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.x, scale)
    to_weight = Destination(what, out_weight, scale.shape, grad_y.dtype)
    to_bias = Destination(what, out_bias, scale.shape, grad_y.dtype)
    grad_x, sums = pick("group_norm", backend).backward(
        as_images(grad_y),
        scale,
        batch,
        saved.mean,
        saved.var,
        saved.eps,
        shards=WHOLE,
        out=_images(to.place),
    )
    grad_weight, grad_bias = rounded(sums, grad_y.dtype)
    return to.result(grad_x), to_weight.result(grad_weight), to_bias.result(grad_bias)


def backward_sums(
    grad_y: Array,
    weight: Array | None,
    saved: GroupNormSaved,
    *,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, Array]:
    r"""Return the gradient of x, and a part of a batch's sums for the other gradients.

    The gradient of x needs only the part of the batch at hand. `gradient_sums` says how the sums
    are used.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,), or None
        Scale of the forward pass.
    saved : GroupNormSaved
        From `forward_saving`.
    shards : Shards
        Which shards of the batch these images are.
    out : ndarray, optional
        Receives the gradient of x.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of x
        Gradient of the input, see `backward_input`.
    sums : float64 ndarray of shape (1, 2, C)
        Sums as from `gradient_sums`, joined; (0, 2, C) if the batch is too small for these shards.

    Raises
    ------
    ShapeError
        If `grad_y` or `weight` does not fit the forward pass, or they hold other images than
        `shards`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    See `backward`.

    References
    ----------
    See `backward`.
    """
    what = "group_norm.backward_sums"
    batch, scale = _check_backward(what, grad_y, weight, saved)
    cuts = shards.of(len(batch), what)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.x, scale)
    grad_x, sums = pick("group_norm", backend).backward(
        as_images(grad_y),
        scale,
        batch,
        saved.mean,
        saved.var,
        saved.eps,
        shards=shards,
        out=_images(to.place),
    )
    return to.result(grad_x), sums[np.newaxis][: len(cuts)]


def backward_input(
    grad_y: Array,
    weight: Array | None,
    saved: GroupNormSaved,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    As in batch normalisation x reaches y on three paths, directly, through the mean and through
    the variance. The scale is a channel's and the statistics are a group's, so it stays inside the
    sums.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,), or None
        Scale of the forward pass.
    saved : GroupNormSaved
        From `forward_saving`.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of x
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` or `weight` does not fit the forward pass.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    With r = 1 / sqrt(σ² + ε) and sums over an image's group:

    .. math:: dx = r \left( w_c\, dy
        - \frac1M \sum w\, dy - \hat x\, \frac1M \sum w\, dy\, \hat x \right)

    References
    ----------
    Wu and He, 2018; ``docs/group_norm.md``.
    """
    what = "group_norm.backward_input"
    batch, scale = _check_backward(what, grad_y, weight, saved)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.x, scale)
    grad_x = pick("group_norm", backend).backward_input(
        as_images(grad_y), scale, batch, saved.mean, saved.var, saved.eps, _images(to.place)
    )
    return to.result(grad_x)


def backward_weight(
    grad_y: Array,
    saved: GroupNormSaved,
    *,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the scale.

    The scale multiplied x̂ everywhere in its channel, so it collects `grad_y` times x̂.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : GroupNormSaved
        From `forward_saving`.
    shards : Shards
        Which shards of a batch these images are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_weight : ndarray of shape (C,)
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the forward pass, or holds other images than
        `shards`.
    DtypeError
        If `grad_y` does not have the dtype of the forward pass.

    Notes
    -----
    .. math:: dw_c = \sum_{n,h,w} dy_{n,c,h,w}\, \hat x_{n,c,h,w}

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", 2015, section 3: the formula is the same.
    """
    what = "group_norm.backward_weight"
    grad_weight = _sums(what, grad_y, saved, shards, backend)[0]
    return Destination(what, out, grad_weight.shape, grad_weight.dtype).result(grad_weight)


def backward_bias(
    grad_y: Array,
    saved: GroupNormSaved,
    *,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the shift.

    The shift was added everywhere in its channel, so it collects `grad_y`, as in batch
    normalisation.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : GroupNormSaved
        From `forward_saving`.
    shards : Shards
        Which shards of a batch these images are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_bias : ndarray of shape (C,)
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the forward pass, or holds other images than
        `shards`.
    DtypeError
        If `grad_y` does not have the dtype of the forward pass.

    Notes
    -----
    .. math:: db_c = \sum_{n,h,w} dy_{n,c,h,w}

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", 2015, section 3.
    """
    what = "group_norm.backward_bias"
    grad_bias = _sums(what, grad_y, saved, shards, backend)[1]
    return Destination(what, out, grad_bias.shape, grad_bias.dtype).result(grad_bias)


def gradient_sums(
    grad_y: Array,
    saved: GroupNormSaved,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the gradients of scale and shift over each shard of a batch.

    ``reduction.tree_sum`` adds those of all shards, whoever holds them; rounded to the dtype of x,
    the result has the bits of `backward`.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy of the images at hand.
    saved : GroupNormSaved
        Record of their forward pass.
    shards : Shards
        Which shards of the batch these images are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : float64 ndarray of shape (shards, 2, C)
        Sums for the scale, then for the shift. Empty, (0, 2, C), if the batch is too small for
        these shards.

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the forward pass, or holds other images than these
        shards.
    DtypeError
        If `grad_y` does not have the dtype of the forward pass.

    Notes
    -----
    .. math:: \sum_{n \in s,h,w} dy_{n,c,h,w}\, \hat x_{n,c,h,w}, \qquad
        \sum_{n \in s,h,w} dy_{n,c,h,w}

    References
    ----------
    See `backward_weight` and `backward_bias`.
    """
    what = "group_norm.gradient_sums"
    batch, _ = _check_backward(what, grad_y, None, saved)
    arrays = as_images(grad_y), batch, saved.mean, saved.var
    add_up = pick("group_norm", backend).gradient_sums
    return shard_sums(what, add_up, arrays, shards, joined, saved.eps)


def _sums(
    what: str,
    grad_y: Array,
    saved: GroupNormSaved,
    shards: Shards,
    backend: str | None,
) -> Array:
    """Return the gradients of scale and shift, (2, C), in the dtype of x."""
    batch, _ = _check_backward(what, grad_y, None, saved)
    shards.batch(len(batch), what)
    telling = pick("group_norm", backend)
    sums: Array = telling.gradient_sums(
        as_images(grad_y), batch, saved.mean, saved.var, saved.eps, shards=shards
    )
    return rounded(sums, grad_y.dtype)


def _images(place: Array | None) -> Array | None:
    return None if place is None else as_images(place)


def _check_groups(what: str, x: Array, shape: tuple[int, ...], num_groups: int) -> None:
    """Raise unless the channels fall into groups of more than one number each."""
    if isinstance(num_groups, bool) or not isinstance(num_groups, int | np.integer):
        raise ArgumentError(f"{what}: num_groups is {num_groups!r}, but an integer is needed.")
    _, C, H, W = shape
    if num_groups < 1 or C % num_groups:
        raise ShapeError(
            f"{what}: x has shape {x.shape}, and its {C} channels do not fall into {num_groups} "
            "groups. num_groups must divide the channels."
        )
    if C // num_groups * H * W <= 1:
        raise ShapeError(
            f"{what}: x has shape {x.shape}, and with num_groups={num_groups} a group has "
            f"{C // num_groups * H * W} number, which has no variance to normalise with. Use fewer "
            "groups, or larger images."
        )


def _parameter(
    what: str, name: str, array: Array | None, x: Array, channels: int, default: int
) -> Array:
    """Check a parameter; without one, return values that change nothing."""
    if array is None:
        return np.full(channels, default, x.dtype)
    check(what, name, array)
    expect(what, name, array, (channels,), f"one number for each channel of x, {x.shape}")
    same_dtype(what, x=x, **{name: array})
    return array


def _check_backward(
    what: str, grad_y: Array, weight: Array | None, saved: GroupNormSaved
) -> tuple[Array, Array]:
    """Check a backward call; return x as (N, C, H, W), and the scale."""
    check(what, "grad_y", grad_y)
    same_dtype(what, grad_y=grad_y, x=saved.x)
    expect(what, "grad_y", grad_y, saved.x.shape, "the shape of the forward pass's output")
    batch = as_images(saved.x)
    return batch, _parameter(what, "weight", weight, saved.x, batch.shape[1], 1)
