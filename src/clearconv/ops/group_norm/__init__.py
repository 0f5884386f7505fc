r"""Group normalisation: every image's groups of channels to mean 0 and variance 1.

.. math::
    \hat x = \frac{x - \mu_{ng}}{\sqrt{\sigma_{ng}^2 + \epsilon}}, \qquad y = w_c\, \hat x + b_c

The statistics of group g are those of one image n, over the group's neighbouring channels and all
positions. So an image's result never depends on its batch-mates, training and evaluation are the
same, and a batch of one will do: what batch normalisation cannot offer. One group of all channels
is layer normalisation, a group for each channel instance normalisation.

Shapes: x (N, C, H, W); weight and bias (C,). One image (C, H, W) and features (N, C) are taken too.
x, weight and bias are all float32, or all float64; the statistics are float64, as batch_norm2d's.

Sources: Wu and He, "Group normalization", 2018; Ba, Kiros and Hinton, "Layer normalization", 2016;
Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016. ``docs/group_norm.md`` derives the
formulas.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array, as_images, check, expect, filled, result, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.tellings import pick

__all__ = [
    "GroupNormSaved",
    "backward",
    "backward_bias",
    "backward_input",
    "backward_weight",
    "forward",
    "forward_saving",
]


@dataclass(frozen=True)
class GroupNormSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    mean, var : float64 ndarray of shape (N, num_groups)
        Of each image's groups; `var` is the biased variance (divided by the count).
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
        Groups of C / num_groups neighbouring channels.
    weight, bias : ndarray of shape (C,), optional
        Scale and shift; 1 and 0 where left out.
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
        If `num_groups` is no integer of at least 1, or `eps` is negative.
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
        Groups of C / num_groups neighbouring channels.
    weight, bias : ndarray of shape (C,), optional
        Scale and shift; 1 and 0 where left out.
    eps : float
        Added to the variance under the root.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        As from `forward`.
    saved : GroupNormSaved
        For the backward functions.

    Raises
    ------
    ShapeError
        If the channels do not fall into the groups, a parameter does not have one number for each
        channel, or a group has a single number, whose variance says nothing.
    ArgumentError
        If `num_groups` is no integer of at least 1, or `eps` is negative.
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
    y, mean, var = pick("group_norm", backend).forward(batch, num_groups, weight, bias, eps)
    return result(what, y, x.shape, out), GroupNormSaved(x, mean, var, eps)


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

    All are made of the same sums over each channel of an image, so that together they cost little
    more than the gradient of x alone.

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
        As `backward_input` gives it.
    grad_weight : ndarray of shape (C,)
        As `backward_weight` gives it.
    grad_bias : ndarray of shape (C,)
        As `backward_bias` gives it.

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
    grad_x, grad_weight, grad_bias = pick("group_norm", backend).backward(
        as_images(grad_y), scale, batch, saved.mean, saved.var, saved.eps
    )
    return (
        result(what, grad_x, grad_y.shape, out),
        result(what, grad_weight, scale.shape, out_weight),
        result(what, grad_bias, scale.shape, out_bias),
    )


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
    grad_x = pick("group_norm", backend).backward_input(
        as_images(grad_y), scale, batch, saved.mean, saved.var, saved.eps
    )
    return result(what, grad_x, grad_y.shape, out)


def backward_weight(
    grad_y: Array, saved: GroupNormSaved, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the scale.

    The scale multiplied x̂ everywhere in its channel, so it collects `grad_y` times x̂.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : GroupNormSaved
        From `forward_saving`.
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
        If `grad_y` does not have the shape of the forward pass.
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
    batch, _ = _check_backward(what, grad_y, None, saved)
    grad_weight = pick("group_norm", backend).backward_weight(
        as_images(grad_y), batch, saved.mean, saved.var, saved.eps
    )
    return result(what, grad_weight, (batch.shape[1],), out)


def backward_bias(
    grad_y: Array, saved: GroupNormSaved, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the shift.

    The shift was added everywhere in its channel, so it collects `grad_y`, as in batch
    normalisation, whose function this is.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : GroupNormSaved
        From `forward_saving`.
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
        If `grad_y` does not have the shape of the forward pass.
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
    batch, _ = _check_backward(what, grad_y, None, saved)
    grad_bias = pick("batch_norm2d", backend).backward_bias(as_images(grad_y))
    return result(what, grad_bias, (batch.shape[1],), out)


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
    """Check a parameter; where there is none, return what changes nothing."""
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
