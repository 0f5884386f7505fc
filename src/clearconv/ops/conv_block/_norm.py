"""Batch norm next to a convolution: before it, or fused into it."""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array, check, expect, filled, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.batch_norm2d import BatchNormSaved, whole_batch
from clearconv.ops.conv_block._operands import (
    Normalised,
    NormGradient,
    channels_last,
    direct,
    pick_for,
)
from clearconv.ops.reduction import rounded
from clearconv.ops.tellings import pick


@dataclass(frozen=True, eq=False)
class Norm:
    """The batch norm of a block.

    Attributes
    ----------
    weight, bias : ndarray of shape (O,)
        Scale and shift.
    eps : float
        Added to the variance.
    mean, var : ndarray of shape (O,), optional
        Fixed statistics (evaluation); without them the batch's own are used (training).
    """

    weight: Array
    bias: Array
    eps: float = 1e-5
    mean: Array | None = None
    var: Array | None = None


@dataclass(frozen=True, eq=False)
class NormGradients:
    """What `backward_normalise` returns.

    Attributes
    ----------
    x : ndarray or None
        Gradient of the input, if wanted.
    weight, bias : ndarray of shape (C,)
        Gradients of scale and shift.
    """

    x: Array | None
    weight: Array
    bias: Array


def normalise(
    x: Array,
    norm: Norm,
    relu: bool = False,
    ceiling: float = np.inf,
    *,
    moments: Array | None = None,
    backend: str | None = None,
) -> Normalised:
    r"""Prepare batch norm, and a ReLU after it, for the block that reads the result.

    If the norm comes before the convolution, no convolution precedes that it could be fused into,
    but the one after it can still apply it.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W)
        Input.
    norm : Norm
        Over the batch, unless statistics are given.
    relu : bool
        Whether ReLU follows.
    ceiling : float
        Largest value that ReLU lets through: 6 makes it ReLU6.
    moments : float64 ndarray of shape (3, C), optional
        If x is a part of a batch, those of the whole batch: the parts' ``batch_norm2d.moments``,
        joined.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    Normalised
        Also what `backward_normalise` needs. ``array()`` computes it.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other, or there are too few numbers to normalise.
    ArgumentError
        If `ceiling` is not above 0.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y = f(w_c \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + b_c)

    References
    ----------
    He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", 2016, for the order.
    """
    what = "conv_block.normalise"
    check(what, "x", x, 4)
    filled(what, "x", x.shape, 1)
    check_norm(what, norm, x.shape[1], x=x)
    check_ceiling(what, ceiling)
    numbers = None
    if norm.mean is not None and norm.var is not None:
        mean, var, fixed = norm.mean.astype("f8"), norm.var.astype("f8"), True
    elif moments is not None:
        (mean, var, numbers), fixed = whole_batch(what, moments, x.shape[1]), False
    else:
        if x.size <= x.shape[1]:
            raise ShapeError(
                f"{what}: x has shape {x.shape}, one number for each channel, and one number has "
                "no variance to normalise with. Use larger batches, or evaluation mode."
            )
        moments = pick("batch_norm2d", backend).moments(x)
        (mean, var, _), fixed = whole_batch(what, moments, x.shape[1]), False
    statistics = BatchNormSaved(x, mean, var, norm.eps, fixed, numbers)
    return Normalised(x, norm.weight, norm.bias, statistics, relu, ceiling)


def backward_normalise(
    grad_y: Array,
    saved: Normalised,
    *,
    sums: Array | None = None,
    input_gradient: bool = True,
    into: Array | None = None,
    backend: str | None = None,
) -> NormGradients:
    r"""Gradient of the loss with respect to the input, scale and shift of `normalise`.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy with respect to the array of `saved`.
    saved : Normalised
        What `normalise` gave.
    sums : float64 ndarray of shape (2, C), optional
        If x is a part of a batch, those of the whole batch: the total of the `gradient_sums`.
    input_gradient : bool
        Whether the input's gradient is wanted.
    into : ndarray of the shape of x, optional
        Array that the input's gradient is added to, and that is returned.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    NormGradients

    Raises
    ------
    ShapeError
        If `grad_y` is not of the shape of y.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    With g = `grad_y` after ReLU's gate, and M numbers in each channel:

    .. math:: dx = \frac{w_c}{\sqrt{\sigma_c^2 + \epsilon}}
        (g - \frac1M \sum g - \hat x \frac1M \sum g \hat x)

    References
    ----------
    Those of batch_norm2d.
    """
    what = "conv_block.backward_normalise"
    check(what, "grad_y", grad_y, 4)
    expect(what, "grad_y", grad_y, saved.shape, "the shape of y")
    same_dtype(what, grad_y=grad_y, x=saved.x)
    telling = pick_for(grad_y, backend)
    grad_y = channels_last(grad_y)
    if sums is None:
        sums = telling.gradient_sums(grad_y, saved)
    expect(what, "sums", sums, (2, saved.shape[1]), "two sums for each channel")
    grad = NormGradient(grad_y, saved, sums)
    weight, bias = (rounded(part, saved.dtype) for part in grad.parameters)
    if not input_gradient:
        return NormGradients(None, weight, bias)
    if into is not None:
        expect(what, "into", check(what, "into", into, 4), saved.shape, "the shape of x")
    ready = direct(into)
    if ready is not None:
        telling.write(grad, ready, True)
        return NormGradients(ready, weight, bias)
    grad_x = telling.room(grad_y, grad_y.shape[1])
    telling.write(grad, grad_x, False)
    if into is not None:
        into += grad_x
        grad_x = into
    return NormGradients(grad_x, weight, bias)


def check_ceiling(what: str, ceiling: float) -> None:
    """Raise unless a ReLU lets something through."""
    if not ceiling > 0:
        raise ArgumentError(
            f"{what}: ceiling is {ceiling}, but it must be above 0: the most that ReLU lets "
            "through, 6 for ReLU6."
        )


def check_norm(what: str, norm: Norm, channels: int, **like: Array) -> None:
    """Raise unless each array of a norm has one number for each channel, in one dtype."""
    for name in ("weight", "bias", "mean", "var"):
        array = getattr(norm, name)
        if array is not None:
            check(what, f"norm.{name}", array)
            expect(what, f"norm.{name}", array, (channels,), "one number for each channel")
    same_dtype(what, **like, norm_weight=norm.weight, norm_bias=norm.bias)
