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
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, result
from clearconv.ops.cross_entropy._target import divisor, share
from clearconv.ops.reduction import as_loss, check_reduction, loss_gradient
from clearconv.ops.tellings import pick

__all__ = ["REDUCTIONS", "CrossEntropySaved", "backward_input", "forward", "forward_saving"]

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
        What the sum of losses was divided by: the samples' total weight, or 1.
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

    A sure and wrong answer costs without limit, a sure and right one nothing.

    Parameters
    ----------
    x : ndarray of shape (N, K)
        Logits: scores before softmax.
    target : int ndarray of shape (N,), or ndarray of shape (N, K) with the dtype of `x`
        Class numbers 0 to K - 1, or a probability for each class.
    label_smoothing : float
        Share of the target spread evenly over all classes; 0 <= s <= 1.
    class_weight : ndarray of shape (K,), optional
        Weight of each class, finite and not negative, with the dtype of `x`. A sample weighs what
        its label's class does; one with probabilities, their mean of the weights.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the total weight of the samples, which is N where there are no weights.
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
        Weight of each class, finite and not negative, with the dtype of `x`. A sample weighs what
        its label's class does; one with probabilities, their mean of the weights.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the total weight of the samples, which is N where there are no weights.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    loss : ndarray of shape (), or (N,) for "none"
        As from `forward`.
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
    D = divisor(what, target, class_weight) if reduction == "mean" else 1.0
    loss = losses if reduction == "none" else losses.sum(dtype=np.float64) / D
    return as_loss(loss, x.dtype), CrossEntropySaved(y, q, D, reduction)


def backward_input(
    saved: CrossEntropySaved,
    grad_y: float | Array = 1.0,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the logits.

    Each logit is pushed by how far its probability is from its target, so a wrong and sure answer
    is corrected hard; a squared error after softmax would hardly move it.

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
    grad_x = pick("cross_entropy", backend).backward_input(saved.y, saved.share, factors)
    return result(what, grad_x, saved.y.shape, out)
