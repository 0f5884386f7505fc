r"""Cross-entropy of the softmax of logits: how surprised the network is by the right answer.

.. math::
    L_n = -\sum_k q_{n,k} \log p_{n,k}, \qquad p_n = \mathrm{softmax}(x_n), \qquad
    \frac{\partial L_n}{\partial x_{n,k}} = p_{n,k} \sum_j q_{n,j} - q_{n,k}

q is the target: 1 at the label and 0 elsewhere, or probabilities; then smoothed and weighted,

.. math::
    q_{n,k} = w_n \left( (1 - s)\, t_{n,k} + s / K \right), \qquad w_n = \sum_j v_j t_{n,j}

A sample has the weight of its label's class, smoothed or not. With neither, the gradient is p - t:
the target enters dL/dx by being subtracted, and nowhere else.
Softmax and logarithm are one chapter, because apart they lose the small probabilities.

Shapes: x (N, K) logits, target (N,) class numbers or (N, K) probabilities, loss () or (N,).
float32 or float64. Smoothing alone, and weights of class numbers alone, mean what they mean in
PyTorch. Together they do not: PyTorch multiplies each class's part of the smoothed target by that
class's own weight, so that a sample of a common class is pulled towards the rare ones, by up to
their weight (pytorch/pytorch#104776).

Sources: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.3; Szegedy et al.,
"Rethinking the Inception architecture", 2016, section 7 (smoothing). ``docs/cross_entropy.md``
derives the formulas.

A mean divides by the whole batch. Where a batch is held in parts (`Shards`), each part sums its
losses and its samples' weights (`loss_sums`); from both, added up by
``reduction.tree_sum``, `mean_loss` makes the loss, with the same bits as one call.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, Destination, expect
from clearconv.errors import ArgumentError
from clearconv.ops.cross_entropy._target import share, weights_of
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import as_loss, check_reduction, in_tree, loss_gradient, shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "REDUCTIONS",
    "CrossEntropySaved",
    "backward_input",
    "forward",
    "forward_saving",
    "loss_sums",
    "mean_loss",
]

#: How the losses of a batch become one number.
REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class CrossEntropySaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    y : ndarray of shape (N, K)
        Probabilities, the softmax of the logits.
    share : ndarray of shape (N, K)
        The target q after smoothing and weighting.
    divisor : float
        Divisor of the sum of losses: the samples' total weight, or 1.
    reduction : str
        One of `REDUCTIONS`.
    """

    y: Array
    share: Array
    divisor: float
    reduction: str


def forward(
    x: Array,
    target: npt.NDArray[np.integer] | Array,
    label_smoothing: float = 0.0,
    class_weight: Array | None = None,
    reduction: str = "mean",
    *,
    backend: str | None = None,
) -> Array:
    r"""Return the loss of logits against labels or probabilities.

    A confident wrong answer costs without limit, a confident right one nothing.

    Parameters
    ----------
    x : ndarray of shape (N, K)
        Logits: scores before softmax.
    target : int ndarray of shape (N,), or ndarray of shape (N, K) with the dtype of `x`
        Class numbers 0 to K - 1, or a probability for each class.
    label_smoothing : float
        Share of the target spread evenly over all classes; 0 <= s <= 1.
    class_weight : ndarray of shape (K,), optional
        Weight of each class, finite and not negative, with the dtype of `x`. The weight of a
        sample is that of its label's class, or the mean over its probabilities.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the total weight of the samples, which is N without class weights.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    loss : ndarray of shape (), or (N,) for "none"
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If a label is not a class, or the shapes do not fit.
    ArgumentError
        If a setting is not one of those above, a row of probabilities is negative or does not sum
        to 1, or the samples' total weight is 0.
    DtypeError
        If an array has the wrong dtype, such as class numbers given as floats.

    Notes
    -----
    .. math:: L = \frac{1}{D} \sum_n \sum_k q_{n,k} \Big( m_n + \log \sum_j e^{x_{n,j} - m_n}
        - x_{n,k} \Big), \qquad m_n = \max_j x_{n,j}

    References
    ----------
    Goodfellow, Bengio and Courville, 2016, formula 6.30.
    """
    return forward_saving(x, target, label_smoothing, class_weight, reduction, backend=backend)[0]


def forward_saving(
    x: Array,
    target: npt.NDArray[np.integer] | Array,
    label_smoothing: float = 0.0,
    class_weight: Array | None = None,
    reduction: str = "mean",
    *,
    backend: str | None = None,
) -> tuple[Array, CrossEntropySaved]:
    r"""Return the loss, and keep what backward needs.

    Parameters
    ----------
    x : ndarray of shape (N, K)
        Logits: scores before softmax.
    target : int ndarray of shape (N,), or ndarray of shape (N, K) with the dtype of `x`
        Class numbers 0 to K - 1, or a probability for each class.
    label_smoothing : float
        Share of the target spread evenly over all classes; 0 <= s <= 1.
    class_weight : ndarray of shape (K,), optional
        Weight of each class, finite and not negative, with the dtype of `x`. The weight of a
        sample is that of its label's class, or the mean over its probabilities.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the total weight of the samples, which is N without class weights.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    loss : ndarray of shape (), or (N,) for "none"
        Loss, as from `forward`.
    saved : CrossEntropySaved
        For `backward_input`.

    Raises
    ------
    ShapeError
        If a label is not a class, or the shapes do not fit.
    ArgumentError
        If a setting is not one of those above, a row of probabilities is negative or does not sum
        to 1, or the samples' total weight is 0.
    DtypeError
        If an array has the wrong dtype, such as class numbers given as floats.

    Notes
    -----
    .. math:: L = \frac{1}{D} \sum_n \sum_k q_{n,k} \Big( m_n + \log \sum_j e^{x_{n,j} - m_n}
        - x_{n,k} \Big), \qquad m_n = \max_j x_{n,j}

    References
    ----------
    Goodfellow, Bengio and Courville, 2016, formula 6.30.
    """
    what = "cross_entropy.forward"
    check_reduction(what, reduction, REDUCTIONS)
    q = share(what, x, target, label_smoothing, class_weight)  # (N, K)
    losses, y = pick("cross_entropy", backend).forward(x, q)  # (N,), (N, K)
    saved = CrossEntropySaved(y, q, 1.0, reduction)
    if reduction == "none":
        return as_loss(losses, x.dtype), saved
    total = _add_up(losses, weights_of(target, class_weight))
    if reduction == "mean":
        return mean_loss(total, saved)
    return as_loss(total[0], x.dtype), saved


def loss_sums(
    x: Array,
    target: npt.NDArray[np.integer] | Array,
    label_smoothing: float = 0.0,
    class_weight: Array | None = None,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> tuple[Array, CrossEntropySaved]:
    r"""Sum the losses over each shard of a batch, and what its samples weigh.

    Parameters
    ----------
    x : ndarray of shape (N, K)
        Logits of the samples at hand.
    target : int ndarray of shape (N,), or ndarray of shape (N, K) with the dtype of `x`
        Their class numbers, or a probability for each class.
    label_smoothing, class_weight
        See `forward`.
    shards : Shards
        Which shards of the batch the samples are.
    joined : bool
        Whether to add up the shards at hand: one pair of sums instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : float64 ndarray of shape (shards, 2)
        Sums of the losses and of the samples' weights, which are 1 without class weights.
    saved : CrossEntropySaved
        For `mean_loss`, which fills in its divisor.

    Raises
    ------
    ShapeError
        If a label is not a class, or the shapes do not fit each other or the shards.
    ArgumentError
        If a setting or a row of probabilities is not allowed.
    DtypeError
        If an array has the wrong dtype, such as class numbers given as floats.

    Notes
    -----
    .. math:: \sum_{n \in s} L_n, \qquad \sum_{n \in s} w_n

    References
    ----------
    Those of `forward`.
    """
    what = "cross_entropy.loss_sums"
    q = share(what, x, target, label_smoothing, class_weight, any_number=True)  # (N, K)
    losses, y = pick("cross_entropy", backend).forward(x, q)  # (N,), (N, K)
    weights = weights_of(target, class_weight)
    sums = shard_sums(what, _add_up, (losses, weights), shards, joined)
    return sums, CrossEntropySaved(y, q, 1.0, "mean")


def mean_loss(total: Array, saved: CrossEntropySaved) -> tuple[Array, CrossEntropySaved]:
    r"""Divide the sum of a whole batch's losses by the total weight of its samples.

    Parameters
    ----------
    total : float64 ndarray of shape (2,)
        Total of the whole batch's `loss_sums`.
    saved : CrossEntropySaved
        From `loss_sums`.

    Returns
    -------
    loss : ndarray of shape ()
        Loss in the dtype of the logits.
    saved : CrossEntropySaved
        For `backward_input`.

    Raises
    ------
    ShapeError
        If `total` is not one pair of sums.
    ArgumentError
        If the samples' total weight is 0.

    Notes
    -----
    .. math:: L = \frac{\sum_n L_n}{\sum_n w_n}

    References
    ----------
    Those of `forward`.
    """
    what = "cross_entropy.mean_loss"
    expect(what, "total", total, (2,), "the sum of the losses, and that of the weights")
    D = float(total[1])
    if D == 0:
        raise ArgumentError(
            "cross_entropy: the samples of this batch have a total weight of 0, so there is no "
            "weighted mean. Use reduction='sum', or weights above 0."
        )
    return as_loss(total[0] / D, saved.y.dtype), replace(saved, divisor=D)


def _add_up(losses: Array, weights: Array, shards: Shards = WHOLE) -> Array:
    """Add up losses and weights, shard by shard and then in the tree: (2,)."""
    starts = [shard.start for shard in shards.of(len(losses))]
    if not starts:
        return np.zeros(2)
    both = np.array([losses, weights], np.float64)  # (2, N)
    return np.array(in_tree(np.add.reduceat(both, starts, axis=1).T, np.add))


def backward_input(
    saved: CrossEntropySaved,
    grad_y: float | Array = 1.0,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the logits.

    Each logit is pushed by the distance of its probability from its target, so a confident wrong
    answer is corrected strongly; a squared error after softmax would hardly move it.

    Parameters
    ----------
    saved : CrossEntropySaved
        From `forward_saving`.
    grad_y : float or ndarray of the shape of the loss
        Gradient of what the loss itself flows into; 1 where the loss is the end.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape (N, K)
        The mean's 1/N is in here, and nowhere else in the network.

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the loss.
    DtypeError
        If `grad_y` is an array of another dtype than the loss.

    Notes
    -----
    .. math:: dx_{n,k} = \frac{dL_n}{D} \Big( p_{n,k} \sum_j q_{n,j} - q_{n,k} \Big)

    References
    ----------
    Goodfellow, Bengio and Courville, 2016, section 6.2.2.3.
    """
    what = "cross_entropy.backward_input"
    shape = saved.y.shape[:1] if saved.reduction == "none" else ()
    factor = loss_gradient(what, grad_y, shape, saved.y.dtype) / saved.divisor
    factors = np.full(saved.y.shape[:1], factor, dtype=saved.y.dtype)  # (N,)
    to = Destination(what, out, saved.y.shape, saved.y.dtype, saved.y, saved.share)
    telling = pick("cross_entropy", backend)
    return to.result(telling.backward_input(saved.y, saved.share, factors, to.place))
