r"""Batch normalisation: every channel to mean 0 and variance 1, then to a learned scale and shift.

.. math::
    \hat x = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}}, \qquad y = w_c\, \hat x + b_c

In training, μ and σ² are the channel's mean and variance over all images and positions of the
batch, so they depend on x, and the gradient runs through them too. In evaluation they are
constants, gathered during training (`update_running`).

Shapes: x (N, C, H, W); weight, bias, mean, var (C,). One image (C, H, W) and features (N, C) after
a fully connected layer are taken too. x, weight and bias are all float32, or all float64; mean and
var may be either, and what is saved of them is float64: a mean of 10000 rounded to float32 would
be off by a good part of a thousandth.

Sources: Ioffe and Szegedy, "Batch normalization", 2015, algorithm 1; Chan, Golub and LeVeque,
"Algorithms for computing the sample variance", 1983. ``docs/batch_norm2d.md`` derives the formulas.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array, as_images, check, expect, filled, result, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.tellings import pick

__all__ = [
    "BatchNormSaved",
    "backward",
    "backward_bias",
    "backward_input",
    "backward_weight",
    "forward",
    "forward_saving",
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
        What x was normalised with; `var` is the biased variance (divided by the count).
    eps : float
        Added to `var` under the root.
    fixed : bool
        True where mean and var were given (evaluation): they are constants to the gradient.
    """

    x: Array
    mean: Array
    var: Array
    eps: float
    fixed: bool

    @property
    def count(self) -> int:
        """How many numbers of x each channel has."""
        return self.x.size // len(self.mean)


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
    center, spread = _statistics(what, x, mean, var)
    y = pick("batch_norm2d", backend).forward(as_images(x), weight, bias, center, spread, eps)
    return result(what, y, x.shape, out)


def forward_saving(
    x: Array,
    weight: Array,
    bias: Array,
    eps: float = 1e-5,
    mean: Array | None = None,
    var: Array | None = None,
    *,
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
        Both or neither. Given: evaluation, constants to the gradient. Left out: training.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype as `x`.
    saved : BatchNormSaved
        For the backward functions and `update_running`.

    Raises
    ------
    ShapeError
        If a parameter does not have one number for each channel, or, in training, if a channel
        has a single number, whose variance says nothing.
    ArgumentError
        If `eps` is negative, or only one of mean and var is given.
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
    telling, batch = pick("batch_norm2d", backend), as_images(x)
    if mean is not None and var is not None:
        center, spread = _statistics(what, x, mean, var)
        y = telling.forward(batch, weight, bias, center, spread, eps)
    else:
        if x.size <= len(weight):
            raise ShapeError(
                f"{what}: x has shape {x.shape}, {x.size // len(weight)} number for each channel, "
                "and one number has no variance to normalise with. Use larger batches (drop a last "
                "batch of one), or evaluation mode."
            )
        y, center, spread = telling.forward_training(batch, weight, bias, eps)
    saved = BatchNormSaved(x, center, spread, eps, fixed=mean is not None)
    return result(what, y, x.shape, out), saved


def backward(
    grad_y: Array,
    weight: Array,
    saved: BatchNormSaved,
    *,
    out: Array | None = None,
    out_weight: Array | None = None,
    out_bias: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, Array, Array]:
    r"""Return all three gradients of the loss at once.

    In training the gradient of x needs the two sums over the batch that the other gradients are,
    so that together they cost what it costs alone.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        dL/dy.
    weight : ndarray of shape (C,)
        Scale of the forward pass.
    saved : BatchNormSaved
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
    grad_x, grad_weight, grad_bias = pick("batch_norm2d", backend).backward(
        as_images(grad_y), weight, as_images(saved.x), saved.mean, saved.var, saved.eps, saved.fixed
    )
    return (
        result(what, grad_x, grad_y.shape, out),
        result(what, grad_weight, weight.shape, out_weight),
        result(what, grad_bias, weight.shape, out_bias),
    )


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
    The two latter take away from `grad_y` its mean and its part along x̂: shifting or stretching a
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
    grad_x = pick("batch_norm2d", backend).backward_input(
        as_images(grad_y), weight, as_images(saved.x), saved.mean, saved.var, saved.eps, saved.fixed
    )
    return result(what, grad_x, grad_y.shape, out)


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
    grad_weight = pick("batch_norm2d", backend).backward_weight(
        as_images(grad_y), as_images(saved.x), saved.mean, saved.var, saved.eps
    )
    return result(what, grad_weight, saved.mean.shape, out)


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
    grad_bias = pick("batch_norm2d", backend).backward_bias(as_images(grad_y))
    return result(what, grad_bias, saved.mean.shape, out)


def update_running(
    running_mean: Array, running_var: Array, saved: BatchNormSaved, momentum: float = 0.1
) -> None:
    r"""Move the running statistics towards the batch's: this chapter's one in-place function.

    Parameters
    ----------
    running_mean, running_var : ndarray of shape (C,)
        Changed in place. They start at 0 and 1.
    saved : BatchNormSaved
        From a training `forward_saving`.
    momentum : float
        Weight of the new, as in PyTorch: 0.1 keeps nine tenths of the old.

    Raises
    ------
    ShapeError
        If the arrays do not fit, or the pass used given statistics and so has none of its own.

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
