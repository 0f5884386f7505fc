r"""One number that makes probabilities honest: the temperature of the softmax.

A network that is trained until it makes no mistakes in training is too sure of itself elsewhere.
The logits divided by one number T > 0 keep their order, so no answer changes, but the probabilities
become softer (T > 1) or sharper (T < 1). T is chosen on images from which nothing was learnt, where
it makes the labels most likely:

.. math:: L(\beta) = \frac{1}{n} \sum_i \Big( \log \sum_k e^{\beta z_{ik}}
    - \beta \sum_k q_{ik} z_{ik} \Big), \qquad \beta = 1 / T

L is convex in :math:`\beta`, and its first two derivatives are a mean and a variance under the
softmax p of :math:`\beta z`, so Newton's method needs a few steps:

.. math:: L' = \frac{1}{n} \sum_i \Big( \sum_k p_{ik} z_{ik} - \sum_k q_{ik} z_{ik} \Big), \qquad
    L'' = \frac{1}{n} \sum_i \Big( \sum_k p_{ik} z_{ik}^2 - \big( \sum_k p_{ik} z_{ik} \big)^2 \Big)

With q = 1 at the label, n images that are all correct would ask for T = 0, and for certainty. But n
images without a mistake do not exclude mistakes: so q is smoothed as much as K further images, one
of each class, would do, :math:`q = \frac{n}{n + K} [k = label] + \frac{1}{n + K}`.

Sources: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017, section
4.2 (temperature scaling). Platt, "Probabilistic outputs for support vector machines", 1999, section
2.2 (targets that a finite number of images can support), here for K classes.
"""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.ops import softmax

Integers = npt.NDArray[np.int64]

#: Range of the result: beyond it, labels have nothing to do with logits, or there are no images.
LEAST, MOST = 0.01, 100.0
_STEPS, _FACTOR, _SMALL = 100, 3.0, 1e-12


def fit_temperature(logits: Array, labels: Integers) -> float:
    """Return the temperature that makes the labels most likely.

    Parameters
    ----------
    logits : ndarray of shape (n, K)
        Of images from which the model has not learnt; n at least 1.
    labels : ndarray of int64, shape (n,)
        Their classes.

    Returns
    -------
    float
        From 0.01 to 100. 1 if all logits of each image are equal, where it would change nothing.
    """
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)  # (n, K)
    n, K = z.shape
    wanted = float(np.mean(n * z[np.arange(n), labels] + z.sum(axis=1))) / (n + K)
    beta = 1.0
    for _ in range(_STEPS):
        p = softmax.forward(beta * z)  # (n, K)
        mean = (p * z).sum(axis=1)  # (n,)
        slope = float(mean.mean()) - wanted
        curvature = float(((p * z * z).sum(axis=1) - mean * mean).mean())
        if curvature <= 0:
            break
        before = beta
        # never further than a factor: far from the solution the parabola is a poor guess
        beta = float(np.clip(before - slope / curvature, before / _FACTOR, before * _FACTOR))
        beta = float(np.clip(beta, 1 / MOST, 1 / LEAST))
        if abs(beta - before) <= _SMALL * beta:
            break
    return 1 / beta


def calibrated(logits: Array, temperature: float) -> Array:
    r"""Return the probabilities at a temperature.

    Parameters
    ----------
    logits : ndarray of shape (n, K)
        Logits.
    temperature : float
        From `fit_temperature`.

    Returns
    -------
    ndarray of float64, shape (n, K)

    Notes
    -----
    .. math:: p_{ik} = \frac{e^{z_{ik} / T}}{\sum_j e^{z_{ij} / T}}
    """
    return softmax.forward(logits.astype(np.float64) / temperature)


def recalibrated(probabilities: Array, temperature: float) -> Array:
    r"""Return what probabilities at temperature 1 are at another one.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        Softmax of logits.
    temperature : float
        From `fit_temperature`.

    Returns
    -------
    ndarray of float64, shape (n, K)

    Notes
    -----
    .. math:: p'_{ik} = \frac{p_{ik}^{1/T}}{\sum_j p_{ij}^{1/T}}
    """
    # a logit that is known up to what all have in common; 0 stays 0
    logits = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float64).tiny))
    return calibrated(logits, temperature)
