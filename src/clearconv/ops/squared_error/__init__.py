r"""Squared error: the squared distance between outputs and targets.

.. math::
    E = \frac12 \sum_i (t_i - x_i)^2, \qquad
    \frac{\partial E}{\partial x_i} = -(t_i - x_i) = x_i - t_i

That is the article's E, reduction "half_sum"; the half is there to cancel the 2 of the derivative.
PyTorch's MSELoss is "mean", the plain mean of the squares, without the half.

Shapes: x and target of one shape, nothing is broadcast; loss () or, for "none", the shape of x.
float32 or float64.

Sources: the article's error E; Bishop, "Pattern recognition and machine learning", 2006,
section 1.1. ``docs/squared_error.md`` derives the formulas and the sign.
"""

from dataclasses import dataclass, replace

import numpy as np

from clearconv.arrays import Array, Destination, check, expect, same_dtype
from clearconv.errors import ShapeError
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import as_loss, check_reduction, loss_gradient, shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "REDUCTIONS",
    "SquaredErrorSaved",
    "backward_input",
    "forward",
    "forward_saving",
    "loss_sums",
    "whole_loss",
]

#: How the squares become one number.
REDUCTIONS = ("mean", "sum", "half_sum", "none")


@dataclass(frozen=True)
class SquaredErrorSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    difference : ndarray of the shape of x
        x - target.
    reduction : str
        One of `REDUCTIONS`.
    numbers : int, optional
        Number of values in the whole batch, if x is a part of it.
    """

    difference: Array
    reduction: str
    numbers: int | None = None

    @property
    def factor(self) -> float:
        """Factor of every square in the sum."""
        numbers = self.difference.size if self.numbers is None else self.numbers
        return {"mean": 1 / max(1, numbers), "half_sum": 0.5}.get(self.reduction, 1.0)


def forward(
    x: Array, target: Array, reduction: str = "mean", *, backend: str | None = None
) -> Array:
    r"""Return the squared error of outputs against targets.

    Squares forgive small errors and punish large ones.

    Parameters
    ----------
    x : ndarray of any shape
        Outputs.
    target : ndarray of the shape of `x`
        Targets.
    reduction : {"mean", "sum", "half_sum", "none"}
        "mean" over all elements (MSELoss); "half_sum" is the article's E.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    loss : ndarray of shape (), or the shape of `x` for "none"
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ArgumentError
        If `reduction` is not known.
    DtypeError
        If the arrays are not both float32 or both float64.

    Notes
    -----
    .. math:: E = f \sum_i (x_i - t_i)^2, \qquad f = 1/n,\ 1 \text{ or } 1/2

    References
    ----------
    The article's E.
    """
    return forward_saving(x, target, reduction, backend=backend)[0]


def forward_saving(
    x: Array, target: Array, reduction: str = "mean", *, backend: str | None = None
) -> tuple[Array, SquaredErrorSaved]:
    r"""Return the squared error, and keep what backward needs.

    Parameters
    ----------
    x : ndarray of any shape
        Outputs.
    target : ndarray of the shape of `x`
        Targets.
    reduction : {"mean", "sum", "half_sum", "none"}
        "mean" over all elements (MSELoss); "half_sum" is the article's E.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    loss : ndarray of shape (), or the shape of `x` for "none"
        Loss, as from `forward`.
    saved : SquaredErrorSaved
        For `backward_input`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ArgumentError
        If `reduction` is not known.
    DtypeError
        If the arrays are not both float32 or both float64.

    Notes
    -----
    .. math:: E = f \sum_i (x_i - t_i)^2, \qquad f = 1/n,\ 1 \text{ or } 1/2

    References
    ----------
    The article's E.
    """
    saved = _difference("squared_error.forward", x, target, reduction, backend)
    telling = pick("squared_error", backend)
    if reduction == "none":
        return np.asarray(telling.squares(saved.difference)), saved
    total = telling.total(np.atleast_1d(saved.difference))
    return as_loss(total * saved.factor, x.dtype), saved


def loss_sums(
    x: Array,
    target: Array,
    reduction: str = "mean",
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> tuple[Array, SquaredErrorSaved]:
    r"""Sum the squares over each shard of a batch, and count its numbers.

    Parameters
    ----------
    x : ndarray of shape (N, ...)
        Outputs of the samples at hand.
    target : ndarray of the shape of `x`
        Targets of these samples.
    reduction : {"mean", "sum", "half_sum"}
        What `whole_loss` will make from the sums.
    shards : Shards
        Which shards of the batch the samples are.
    joined : bool
        Whether to add up the shards at hand: one pair of sums instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : float64 ndarray of shape (shards, 2)
        Sum of the squares, and their number.
    saved : SquaredErrorSaved
        For `whole_loss`.

    Raises
    ------
    ShapeError
        If the shapes differ, or do not fit the shards.
    ArgumentError
        If `reduction` is not known.
    DtypeError
        If the arrays are not both float32 or both float64.

    Notes
    -----
    .. math:: \sum_{i \in s} (x_i - t_i)^2, \qquad n_s

    References
    ----------
    The article's E.
    """
    what = "squared_error.loss_sums"
    check_reduction(what, reduction, REDUCTIONS[:-1])
    saved = _difference(what, x, target, reduction, backend)
    away = np.atleast_1d(saved.difference)
    total = pick("squared_error", backend).total

    def add_up(away: Array, shards: Shards) -> Array:
        return np.array([total(away, shards=shards), away.size], np.float64)

    return shard_sums(what, add_up, (away,), shards, joined), saved


def whole_loss(total: Array, saved: SquaredErrorSaved) -> tuple[Array, SquaredErrorSaved]:
    r"""Make the loss from a whole batch's sums.

    Parameters
    ----------
    total : float64 ndarray of shape (2,)
        Total of the whole batch's `loss_sums`, from ``reduction.tree_sum``.
    saved : SquaredErrorSaved
        From `loss_sums`.

    Returns
    -------
    loss : ndarray of shape ()
        Loss with the same bits as one call for the whole batch.
    saved : SquaredErrorSaved
        For `backward_input`.

    Raises
    ------
    ShapeError
        If `total` is not one pair of sums.

    Notes
    -----
    .. math:: E = f \sum_i (x_i - t_i)^2, \qquad f = 1/n,\ 1 \text{ or } 1/2

    References
    ----------
    The article's E.
    """
    expect("squared_error.whole_loss", "total", total, (2,), "sum of the squares, and their number")
    saved = replace(saved, numbers=int(total[1]))
    return as_loss(total[0] * saved.factor, saved.difference.dtype), saved


def backward_input(
    saved: SquaredErrorSaved,
    grad_y: float | Array = 1.0,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the outputs.

    It points from the target to the output: a step against it brings the output nearer.

    Parameters
    ----------
    saved : SquaredErrorSaved
        From `forward_saving`.
    grad_y : float or ndarray of the shape of the loss
        Gradient of what the loss itself flows into; 1 where the loss is the end.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of x
        x - target for "half_sum"; twice that for "sum" and "none"; and divided by n for "mean".

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the loss.
    DtypeError
        If `grad_y` is an array of another dtype than the loss.

    Notes
    -----
    .. math:: dx_i = 2 f\, (x_i - t_i)\, dE

    References
    ----------
    The article's output error, whose sign depends on writing t - y or y - t.
    """
    what = "squared_error.backward_input"
    difference = saved.difference
    shape = difference.shape if saved.reduction == "none" else ()
    grads = loss_gradient(what, grad_y, shape, difference.dtype)
    factors = np.broadcast_to(np.asarray(grads * (2 * saved.factor)), difference.shape)
    to = Destination(what, out, difference.shape, difference.dtype, difference, factors)
    telling = pick("squared_error", backend)
    return to.result(np.asarray(telling.backward_input(difference, factors, to.place)))


def _difference(
    what: str, x: Array, target: Array, reduction: str, backend: str | None
) -> SquaredErrorSaved:
    check_reduction(what, reduction, REDUCTIONS)
    check(what, "x", x)
    check(what, "target", target)
    same_dtype(what, x=x, target=target)
    if x.shape != target.shape:
        raise ShapeError(
            f"{what}: x has shape {x.shape} and target {target.shape}, but they must be one shape: "
            f"nothing is broadcast. Try target.reshape({x.shape}) if the numbers are as many."
        )
    difference = pick("squared_error", backend).difference(x, target)
    return SquaredErrorSaved(np.asarray(difference), reduction)
