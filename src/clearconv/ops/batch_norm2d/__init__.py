r"""Batch normalisation: every channel to mean 0 and variance 1, then to a learned scale and shift.

.. math::
    \hat x = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}}, \qquad y = w_c\, \hat x + b_c

In training, μ and σ² are the channel's mean and variance over all images and positions of the
batch, so they depend on x, and the gradient runs through them too. In evaluation they are
constants, gathered during training (`update_running`).

Shapes: x (N, C, H, W); weight, bias, mean, var (C,). One image (C, H, W) and features (N, C) after
a fully connected layer are accepted too. x, weight and bias are all float32, or all float64; mean
and var may be either, and what is saved of them is float64: a mean of 10000 rounded to float32
would be off by almost a thousandth.

Sources: Ioffe and Szegedy, "Batch normalization", 2015, algorithm 1; Chan, Golub and LeVeque,
"Algorithms for computing the sample variance", 1983. ``docs/batch_norm2d.md`` derives the formulas.

A batch may be held in parts (`Shards`). Each part then computes the sums of its own shards
(`moments`; backward `gradient_sums`), and continues with the combined result of all parts
(`reduction.tree_moments`, `reduction.tree_sum`). That takes two calls each way, and the bits are
those of the one call that holds the whole batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.arrays import Array, Destination, as_images, check, expect, filled, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.batch_norm2d.sums import statistics
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "BatchNormSaved",
    "backward",
    "backward_bias",
    "backward_input",
    "backward_weight",
    "forward",
    "forward_saving",
    "gradient_sums",
    "moments",
    "update_running",
]


@dataclass(frozen=True)
class BatchNormSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    mean, var : float64 ndarray of shape (C,)
        Statistics that x was normalised with; `var` is the biased variance (divided by the count).
    eps : float
        Added to `var` under the root.
    fixed : bool
        True where mean and var were given (evaluation): they are constants to the gradient.
    numbers : int, optional
        Number of values of each channel in the whole batch, if x is a part of it.
    """

    x: Array
    mean: Array
    var: Array
    eps: float
    fixed: bool
    numbers: int | None = None

    @property
    def count(self) -> int:
        """Number of values of each channel in the batch."""
        return self.x.size // len(self.mean) if self.numbers is None else self.numbers


def forward(
    x: Array,
    weight: Array,
    bias: Array,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Normalise with given statistics: the formula of evaluation.

    An image's result does not depend on the other images of its batch.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    weight, bias : ndarray of shape (C,)
        Scale and shift (γ and β in the paper).
    mean, var : ndarray of shape (C,)
        Usually the running statistics.
    eps : float
        Added to `var` under the root.
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
        If a parameter does not have one number for each channel.
    ArgumentError
        If `eps` is negative.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y = w_c\, (x - \mu_c) / \sqrt{\sigma_c^2 + \epsilon} + b_c

    References
    ----------
    Ioffe and Szegedy, 2015, algorithm 2.
    """
    what = "batch_norm2d.forward"
    _check_parameters(what, x, eps, weight=weight, bias=bias)
    used_mean, used_var = _statistics(what, x, mean, var)
    to = Destination(what, out, x.shape, x.dtype, x, weight, bias)
    telling = pick("batch_norm2d", backend)
    return to.result(
        telling.forward(as_images(x), weight, bias, used_mean, used_var, eps, _images(to.place))
    )


def moments(
    x: Array, *, shards: Shards = WHOLE, joined: bool = False, backend: str | None = None
) -> Array:
    r"""Compute the moments of each shard of a batch, from which its statistics are made.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W) or (N, C)
        The images of the batch that are at hand.
    shards : Shards
        Which shards of the batch they are.
    joined : bool
        Whether to join those of the shards at hand.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    moments : float64 ndarray of shape (shards, 3, C), or (1, 3, C) if `joined`
        Number of values of each channel of the shard, their mean, and the sum of squared
        distances from it. ``reduction.tree_moments`` joins those of all shards for
        `forward_saving`.

    Raises
    ------
    ShapeError
        If `x` does not hold the images of these shards.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: M_s, \qquad \mu_{s,c} = \frac{1}{M_s} \sum x, \qquad \sum (x - \mu_{s,c})^2

    References
    ----------
    Chan, Golub and LeVeque, 1983.
    """
    what = "batch_norm2d.moments"
    check(what, "x", x, (2, 4))
    filled(what, "x", x.shape, 1)
    return shard_sums(what, pick("batch_norm2d", backend).moments, (as_images(x),), shards, joined)


def forward_saving(
    x: Array,
    weight: Array,
    bias: Array,
    eps: float = 1e-5,
    mean: Array | None = None,
    var: Array | None = None,
    *,
    moments: Array | None = None,
    out: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, BatchNormSaved]:
    r"""Normalise with the batch's own statistics, or with given ones, and keep what backward needs.

    The variance is taken in two passes, the mean first and then the squared deviations from it.
    The shortcut mean(x²) - mean(x)² subtracts two large, nearly equal numbers and can even come
    out negative.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (N, C)
        Input.
    weight, bias : ndarray of shape (C,)
        Scale and shift.
    eps : float
        Added to the variance under the root.
    mean, var : ndarray of shape (C,), optional
        Both or neither. With them: evaluation, constants to the gradient. Without: training.
    moments : float64 ndarray of shape (3, C), optional
        In training, the joined `moments` of the whole batch, if x is a part of it.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype as `x`.
    saved : BatchNormSaved
        Record for the backward functions and `update_running`.

    Raises
    ------
    ShapeError
        If a parameter does not have one number for each channel, or, in training, if a channel
        has a single number, whose variance says nothing.
    ArgumentError
        If `eps` is negative, only one of mean and var is given, or they and `moments`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: \mu_c = \frac1M \sum_{n,h,w} x_{n,c,h,w}, \qquad
        \sigma_c^2 = \frac1M \sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2, \qquad M = N H W

    References
    ----------
    Ioffe and Szegedy, 2015, algorithm 1.
    """
    what = "batch_norm2d.forward_saving"
    _check_parameters(what, x, eps, weight=weight, bias=bias)
    if (mean is None) != (var is None):
        raise ArgumentError(f"{what}: give both mean and var (evaluation), or neither (training).")
    if mean is not None and moments is not None:
        raise ArgumentError(
            f"{what}: give mean and var (evaluation), or moments (a part of a batch in training)."
        )
    to = Destination(what, out, x.shape, x.dtype, x, weight, bias)
    batch, place = as_images(x), _images(to.place)
    telling = _pick_for(batch, backend)
    numbers = None
    if mean is not None and var is not None:
        used_mean, used_var = _statistics(what, x, mean, var)
        y = telling.forward(batch, weight, bias, used_mean, used_var, eps, place)
    elif moments is not None:
        used_mean, used_var, numbers = whole_batch(what, moments, len(weight))
        y = telling.forward(batch, weight, bias, used_mean, used_var, eps, place)
    else:
        if x.size <= len(weight):
            raise _too_few(what, f"x has shape {x.shape}, ", x.size // len(weight))
        y, used_mean, used_var = telling.forward_training(batch, weight, bias, eps, place)
    saved = BatchNormSaved(x, used_mean, used_var, eps, mean is not None, numbers)
    return to.result(y), saved


def gradient_sums(
    grad_y: Array,
    saved: BatchNormSaved,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the contributions to the gradients over each shard of a batch.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : BatchNormSaved
        From `forward_saving`.
    shards : Shards
        Which shards of the batch `grad_y` and x hold.
    joined : bool
        Whether to add up those of the shards at hand.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : float64 ndarray of shape (shards, 2, C), or (1, 2, C) if `joined`
        Sums of `grad_y`, and of `grad_y` times the distance of x from the mean, rounded to the
        dtype of x. ``reduction.tree_sum`` adds those of all shards for `backward`.

    Raises
    ------
    ShapeError
        If `grad_y` does not fit the forward pass, or holds other images than these shards.
    DtypeError
        If `grad_y` does not have the dtype of the forward pass.

    Notes
    -----
    .. math:: \sum dy, \qquad \sum dy\, (x - \mu_c)

    References
    ----------
    Ioffe and Szegedy, 2015, section 3.
    """
    what = "batch_norm2d.gradient_sums"
    _check_grad(what, grad_y, saved)
    grads, x = as_images(grad_y), as_images(saved.x)
    add_up = pick("batch_norm2d", backend).gradient_sums
    return shard_sums(what, add_up, (grads, x), shards, joined, saved.mean)


def backward(
    grad_y: Array,
    weight: Array,
    saved: BatchNormSaved,
    *,
    sums: Array | None = None,
    out: Array | None = None,
    out_weight: Array | None = None,
    out_bias: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, Array, Array]:
    r"""Return all three gradients of the loss at once.

    In training the gradient of x needs two sums over the batch, which are the other gradients, so
    all three together cost no more than it does alone.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,)
        Scale of the forward pass.
    saved : BatchNormSaved
        From `forward_saving`.
    sums : float64 ndarray of shape (2, C), optional
        Total `gradient_sums` of the whole batch, if x is a part of it.
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
        If `grad_y`, `weight` or `sums` does not fit the forward pass.
    ArgumentError
        If x is a part of a batch, and there are no `sums`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_c = \sum dy\, \hat x, \qquad db_c = \sum dy, \qquad
        dx = \frac{w_c}{\sqrt{\sigma_c^2 + \epsilon}}
        \left( dy - \frac{db_c}M - \hat x\, \frac{dw_c}M \right)

    References
    ----------
    Ioffe and Szegedy, 2015, section 3, drawn together.
    """
    what = "batch_norm2d.backward"
    _check_parameters(what, saved.x, saved.eps, weight=weight)
    _check_grad(what, grad_y, saved)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.x, weight)
    to_weight = Destination(what, out_weight, weight.shape, grad_y.dtype)
    to_bias = Destination(what, out_bias, weight.shape, grad_y.dtype)
    places = _images(to.place), to_weight.place, to_bias.place
    grads, x = as_images(grad_y), as_images(saved.x)
    known = grads, weight, x, saved.mean, saved.var, saved.eps, saved.fixed, *places
    if sums is None:
        _holds_all(what, saved)
        gradients = pick("batch_norm2d", backend).backward(*known)
    else:
        expect(what, "sums", sums, (2, len(weight)), "two sums for each channel")
        gradients = _pick_for(x, backend).backward_from(sums, saved.count, *known)
    grad_x, grad_weight, grad_bias = gradients
    return to.result(grad_x), to_weight.result(grad_weight), to_bias.result(grad_bias)


def backward_input(
    grad_y: Array,
    weight: Array,
    saved: BatchNormSaved,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    In training x reaches y on three paths: directly, through the mean, and through the variance.
    The latter two remove from `grad_y` its mean and its component along x̂: shifting or stretching a
    whole channel changes nothing, so the gradient must not ask for it.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,)
        Scale of the forward pass.
    saved : BatchNormSaved
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
    .. math:: dx = \frac{w_c}{\sqrt{\sigma_c^2 + \epsilon}} \left( dy
        - \frac1M \sum dy - \hat x\, \frac1M \sum dy\, \hat x \right)

    With given statistics only the first term remains.

    References
    ----------
    Ioffe and Szegedy, 2015, section 3, drawn together.
    """
    what = "batch_norm2d.backward_input"
    _check_parameters(what, saved.x, saved.eps, weight=weight)
    _check_grad(what, grad_y, saved)
    if not saved.fixed:
        _holds_all(what, saved)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.x, weight)
    grads, x, place = as_images(grad_y), as_images(saved.x), _images(to.place)
    telling = pick("batch_norm2d", backend)
    return to.result(
        telling.backward_input(
            grads, weight, x, saved.mean, saved.var, saved.eps, saved.fixed, place
        )
    )


def backward_weight(
    grad_y: Array, saved: BatchNormSaved, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the scale.

    The scale multiplied x̂ everywhere in its channel, so it collects `grad_y` times x̂.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : BatchNormSaved
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
    Ioffe and Szegedy, 2015, section 3.
    """
    what = "batch_norm2d.backward_weight"
    _check_grad(what, grad_y, saved)
    _holds_all(what, saved)
    to = Destination(what, out, saved.mean.shape, grad_y.dtype)
    telling = pick("batch_norm2d", backend)
    return to.result(
        telling.backward_weight(
            as_images(grad_y), as_images(saved.x), saved.mean, saved.var, saved.eps, to.place
        )
    )


def backward_bias(
    grad_y: Array, saved: BatchNormSaved, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the shift.

    The shift was added everywhere in its channel, so it collects `grad_y`.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    saved : BatchNormSaved
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
    Ioffe and Szegedy, 2015, section 3.
    """
    what = "batch_norm2d.backward_bias"
    _check_grad(what, grad_y, saved)
    _holds_all(what, saved)
    to = Destination(what, out, saved.mean.shape, grad_y.dtype)
    return to.result(pick("batch_norm2d", backend).backward_bias(as_images(grad_y), to.place))


def update_running(
    running_mean: Array, running_var: Array, saved: BatchNormSaved, momentum: float = 0.1
) -> None:
    r"""Move the running statistics towards the batch's: the only in-place function here.

    Parameters
    ----------
    running_mean, running_var : ndarray of shape (C,)
        Running statistics, changed in place. They start at 0 and 1.
    saved : BatchNormSaved
        From a training `forward_saving`.
    momentum : float
        Weight of the new statistics, as in PyTorch: 0.1 keeps nine tenths of the old.

    Raises
    ------
    ShapeError
        If the arrays do not fit, or the pass was given its statistics and so has none of its own.

    Notes
    -----
    .. math:: r \leftarrow (1 - m)\, r + m\, \mu, \qquad
        v \leftarrow (1 - m)\, v + m\, \sigma^2 \frac{M}{M - 1}

    The batch is a sample of all images, so the running variance takes the unbiased estimate,
    although the batch itself is normalised with the biased one.

    References
    ----------
    Ioffe and Szegedy, 2015, algorithm 2, step 10.
    """
    what = "batch_norm2d.update_running"
    if saved.fixed:
        raise ShapeError(
            f"{what}: the forward pass was given its mean and var, so there are no statistics of "
            "the batch to take over. Update after a training pass only."
        )
    for name, array in (("running_mean", running_mean), ("running_var", running_var)):
        check(what, name, array)
        expect(what, name, array, saved.mean.shape, "one number for each channel")
    unbiased = saved.var * (saved.count / (saved.count - 1))
    running_mean += (momentum * (saved.mean - running_mean)).astype(running_mean.dtype)
    running_var += (momentum * (unbiased - running_var)).astype(running_var.dtype)


def _check_parameters(what: str, x: Array, eps: float, **parameters: Array) -> None:
    """Check x and eps, and that each parameter has one number for each channel."""
    check(what, "x", x, (2, 3, 4))
    filled(what, "x", x.shape, 0 if x.ndim == 3 else 1)
    C = as_images(x).shape[1]
    for name, array in parameters.items():
        check(what, name, array)
        expect(what, name, array, (C,), f"one number for each channel of x, {x.shape}")
    same_dtype(what, x=x, **parameters)
    if not eps >= 0:
        raise ArgumentError(f"{what}: eps is {eps}, but it must not be negative; 1e-5 is usual.")


def whole_batch(what: str, moments: Array, channels: int) -> tuple[Array, Array, int]:
    """Check a whole batch's moments; return mean, variance, and the count of each channel."""
    expect(what, "moments", moments, (3, channels), "count, mean and deviation of each channel")
    count = int(moments[0, 0])
    if count <= 1:
        raise _too_few(what, "in the whole batch, ", count)
    return *statistics(moments), count


def _too_few(what: str, where: str, count: int) -> ShapeError:
    return ShapeError(
        f"{what}: {where}{count} number for each channel, and one number has no variance to "
        "normalise with. Use larger batches (drop a last batch of one), or evaluation mode."
    )


def _holds_all(what: str, saved: BatchNormSaved) -> None:
    """Raise if x was a part of a batch: its own sums are not the gradient."""
    if saved.numbers is not None:
        raise ArgumentError(
            f"{what}: x is a part of a batch with {saved.numbers} numbers for each channel, but "
            "this gradient needs sums over all of it. Add up the gradient_sums of all parts with "
            "reduction.tree_sum, and give them to backward as sums."
        )


def _pick_for(batch: Array, backend: str | None) -> Any:
    """Pick the telling; NumPy handles a part without images."""
    return pick("batch_norm2d", backend if len(batch) else "matrix")


def _images(array: Array | None) -> Array | None:
    return None if array is None else as_images(array)


def _statistics(what: str, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
    """Check given statistics and return them as float64."""
    C = as_images(x).shape[1]
    for name, array in (("mean", mean), ("var", var)):
        check(what, name, array)
        expect(what, name, array, (C,), f"one number for each channel of x, {x.shape}")
    return mean.astype(np.float64), var.astype(np.float64)


def _check_grad(what: str, grad_y: Array, saved: BatchNormSaved) -> None:
    check(what, "grad_y", grad_y)
    same_dtype(what, grad_y=grad_y, x=saved.x)
    expect(what, "grad_y", grad_y, saved.x.shape, "the shape of the forward pass's output")
