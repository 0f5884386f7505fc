"""The target q from labels or probabilities: checked, smoothed, weighted."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, check, expect, same_dtype
from clearconv.errors import ArgumentError, DtypeError, ShapeError

#: Largest deviation of the sum of a sample's probabilities from 1: room for rounding only.
_SUM_TOLERANCE = 1e-3


def share(
    what: str,
    x: Array,
    target: npt.NDArray[np.integer] | Array,
    smoothing: float,
    weight: Array | None,
    any_number: bool = False,
) -> Array:
    """Return q (N, K): the share of each class in the target, after smoothing and weighting.

    With `any_number` the samples may be a part of a batch, even an empty one.
    """
    check(what, "x", x, 2)
    N, K = x.shape
    if (N == 0 and not any_number) or K == 0:
        raise ShapeError(f"{what}: x has shape {x.shape}, but a sample and a class are needed.")
    if not 0 <= smoothing <= 1:
        raise ArgumentError(f"{what}: label_smoothing is {smoothing}, but it must lie in 0 to 1.")
    labels = np.asarray(target)
    if labels.ndim == 2:
        q = _probabilities(what, x, labels)
    else:
        _check_labels(what, x, labels)
        q = np.zeros((N, K), dtype=x.dtype)
        q[np.arange(N), labels] = 1
    if smoothing:
        q = q * (1 - smoothing) + smoothing / K
    if weight is not None:
        check(what, "class_weight", weight)
        same_dtype(what, x=x, class_weight=weight)
        expect(what, "class_weight", weight, (K,), "one number for each class")
        if not ((weight >= 0) & np.isfinite(weight)).all():
            raise ArgumentError(
                f"{what}: class_weight is {weight}, but weights must be finite and not negative."
            )
        q = q * _sample_weights(labels, weight)[:, np.newaxis]
    return q


def weights_of(target: npt.NDArray[np.integer] | Array, weight: Array | None) -> Array:
    """Return the weight of each sample, (N,): 1 without class weights."""
    labels = np.asarray(target)
    return np.ones(len(labels)) if weight is None else _sample_weights(labels, weight)


def _sample_weights(target: npt.NDArray[np.generic], weight: Array) -> Array:
    """Return the weight of each sample (N,): that of its label, or the mean over probabilities."""
    if target.ndim == 2:
        weights: Array = np.einsum("nk,k->n", target.astype(weight.dtype), weight)
        return weights
    return weight[target]


def _check_labels(what: str, x: Array, labels: npt.NDArray[np.generic]) -> None:
    N, K = x.shape
    if labels.shape != (N,):
        raise ShapeError(
            f"{what}: target has shape {labels.shape}, but ({N},) class numbers or ({N}, {K}) "
            f"probabilities are needed for x {x.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            f"{what}: target has dtype {labels.dtype}, but class numbers are integers. Try "
            f"target.astype('int64'), or give probabilities of shape ({N}, {K})."
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= K))  # type: ignore[operator]
    if len(wrong):
        raise ShapeError(
            f"{what}: the label in row {wrong[0]} is {labels[wrong[0]]}, but x has {K} classes, "
            f"numbered 0 to {K - 1}. Do the labels start at 1, or has the model too few outputs?"
        )


def _probabilities(what: str, x: Array, target: Array) -> Array:
    if np.issubdtype(target.dtype, np.integer):
        raise DtypeError(
            f"{what}: target has shape {target.shape} and dtype {target.dtype}. One-hot rows are "
            f"probabilities: try target.astype('{x.dtype}'), or class numbers: "
            "target.argmax(axis=1)."
        )
    check(what, "target", target)
    same_dtype(what, x=x, target=target)
    expect(what, "target", target, x.shape, "a probability for each class of each sample")
    negative = np.flatnonzero(~(target >= 0).all(axis=1))  # NaN too
    if len(negative):
        row = negative[0]
        raise ArgumentError(
            f"{what}: row {row} of target is {target[row]}, but no probability may be negative. "
            "Are they logits? softmax.forward(target, axis=1) makes probabilities of them."
        )
    sums = target.sum(axis=1, dtype=np.float64)  # (N,)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= _SUM_TOLERANCE))
    if len(wrong):
        row = wrong[0]
        raise ArgumentError(
            f"{what}: row {row} of target sums to {sums[row]:.6g}, but the probabilities of a "
            "sample sum to 1. Divide by target.sum(axis=1, keepdims=True)."
        )
    return target
