"""Calibration of probabilities, and labels that may be wrong."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Whether a model is correct as often as its probabilities say.

    Attributes
    ----------
    edges : ndarray of shape (bins + 1,)
        Bin edges of the predicted class's probability.
    counts : ndarray of int64, shape (bins,)
        Number of images per bin.
    confidence, accuracy : ndarray of shape (bins,)
        Mean probability and share of correct answers; NaN in an empty bin.
    error : float
        Expected calibration error: the mean distance between the two, weighted by images.
    """

    edges: Array
    counts: Integers
    confidence: Array
    accuracy: Array
    error: float

    @property
    def bias(self) -> float:
        """Return mean confidence minus accuracy: above 0 the model is overconfident."""
        known = self.counts > 0
        gaps = (self.confidence - self.accuracy)[known]
        return float(gaps @ self.counts[known] / self.counts.sum())


def calibration(probabilities: Array, labels: Integers, bins: int = 10) -> Calibration:
    """Compare the probability of each answer with how often such answers are correct.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        Probability of each class.
    labels : ndarray of int64, shape (n,)
        True classes.
    bins : int
        Number of equal intervals from 0 to 1.

    Returns
    -------
    Calibration

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
    """
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    full = counts > 0

    def mean(values: Array) -> Array:
        sums = np.bincount(place, weights=values, minlength=bins)
        return np.divide(sums, counts, out=np.full(bins, np.nan), where=full)

    confidence, accuracy = mean(sure), mean(right.astype(np.float64))
    gaps = np.abs(confidence - accuracy)[full]
    error = float(gaps @ counts[full] / len(labels))
    return Calibration(np.linspace(0, 1, bins + 1), counts, confidence, accuracy, error)


def doubtful_labels(probabilities: Array, labels: Integers) -> tuple[Integers, Integers]:
    """Find images whose given class is probably wrong, by a model's probabilities.

    An image counts as confidently of class j if its probability of j reaches the mean probability
    of j among the images labelled j: each class sets its own threshold. An image is doubtful if it
    counts as confidently of another class, and that class is the most probable of these.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        Probability of each class, preferably by a model that has not been trained on these images;
        a model that has doubts less.
    labels : ndarray of int64, shape (n,)
        Given classes.

    Returns
    -------
    places : ndarray of int64
        The doubtful images, the lowest probability of the given class first.
    instead : ndarray of int64
        The class that each seems to belong to.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    2021: the confident joint, ranked by self-confidence.
    """
    n, K = probabilities.shape
    own = probabilities[np.arange(n), labels]
    bar = np.full(K, np.inf)
    for j in np.unique(labels):
        bar[j] = own[labels == j].mean(dtype=np.float64)
    confident = np.where(probabilities >= bar, probabilities, -1.0)  # (n, K)
    instead = confident.argmax(axis=1)
    doubtful = (confident.max(axis=1) >= 0) & (instead != labels)
    places = np.flatnonzero(doubtful)
    places = places[np.argsort(own[places], kind="stable")]
    return places, instead[places]
