"""Temperature: worked by hand, and by a search that knows nothing of Newton."""

import math

import numpy as np
import pytest

from clearconv.runs.abstaining.temperature import calibrated, fit_temperature, recalibrated


def test_two_classes_by_hand():
    # Four images with logits 2 and 0, three of them of the first class. As if two more images
    # came, one of each class: 4 of 6, so the sigmoid of 2 / T is 2 / 3, and 2 / T = ln 2.
    logits = np.array([[2.0, 0.0]] * 4)
    T = fit_temperature(logits, np.array([0, 0, 0, 1]))
    assert T == pytest.approx(2 / math.log(2), rel=1e-9)
    np.testing.assert_allclose(calibrated(logits[:1], T), [[2 / 3, 1 / 3]])
    # probabilities of temperature 1 say the same
    once = calibrated(logits[:1], 1.0)
    np.testing.assert_allclose(recalibrated(once, T), [[2 / 3, 1 / 3]])


def test_no_mistake_is_no_certainty():
    # Eight images of three classes with logits ln 20 above the others, all correct: 9 of 11, so
    # e^b / (e^b + 2) = 9 / 11 at b = ln 9, and T = ln 20 / ln 9.
    logits = math.log(20) * np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    T = fit_temperature(logits, np.array([0, 1, 2, 0, 1, 2, 0, 1]))
    assert T == pytest.approx(math.log(20) / math.log(9), rel=1e-9)


def loss(logits, labels, T):
    """The formula, one image after another."""
    n, K = logits.shape
    total = 0.0
    for z, label in zip(logits / T, labels, strict=True):
        q = [n / (n + K) * (k == label) + 1 / (n + K) for k in range(K)]
        total += math.log(sum(math.exp(v) for v in z)) - sum(
            a * b for a, b in zip(q, z, strict=True)
        )
    return total / n


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0, 5.0, 60.0])
def test_it_is_the_least_loss(scale):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 50)
    logits = scale * (rng.normal(size=(50, 4)) + 2 * np.eye(4)[labels])
    T = fit_temperature(logits.astype(np.float32), labels)
    for other in (0.99 * T, 1.01 * T):
        assert loss(logits, labels, T) < loss(logits, labels, other)


def test_where_nothing_can_be_learnt_it_stays_in_its_range():
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0])) == 1.0
    wrong = np.array([[5.0, 0.0]] * 6)  # always wrong: the flatter the better
    assert fit_temperature(wrong, np.ones(6, dtype=np.int64)) == 100.0
