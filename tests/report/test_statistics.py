import numpy as np
import pytest

from clearconv.report import calibration, doubtful_labels


def test_calibration_by_hand():
    """Four answers: 0.95 right, 0.85 right, 0.85 wrong, 0.55 right."""
    sure = np.array([0.95, 0.85, 0.85, 0.55])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    fit = calibration(probabilities, np.array([0, 0, 1, 0]))
    assert fit.counts.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 2, 1]
    assert fit.accuracy[[5, 8, 9]].tolist() == [1, 0.5, 1]
    assert fit.confidence[[5, 8, 9]] == pytest.approx([0.55, 0.85, 0.95])
    assert np.isnan(fit.accuracy[0]) and np.isnan(fit.confidence[0])
    # gaps 0.45, 0.35, 0.05 with 1, 2, 1 images
    assert fit.error == pytest.approx((0.45 + 2 * 0.35 + 0.05) / 4)
    # too sure by 0.35 twice, not sure enough by 0.45 and 0.05
    assert fit.bias == pytest.approx((-0.45 + 2 * 0.35 - 0.05) / 4)


def test_a_probability_of_1_is_in_the_last_bin():
    assert calibration(np.array([[1.0, 0.0]]), np.array([0])).counts[-1] == 1


def test_doubtful_labels_by_hand():
    """Bars: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.7 + 0.5) / 2 = 0.6."""
    first = np.array([0.9, 0.8, 0.1, 0.3, 0.5])
    probabilities = np.stack([first, 1 - first], axis=1)
    places, instead = doubtful_labels(probabilities, np.array([0, 0, 0, 1, 1]))
    assert (places.tolist(), instead.tolist()) == ([2], [1])  # image 4 is confidently of neither


def test_doubtful_labels_come_with_the_least_likely_first():
    probabilities = np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2, 2]] * 0.7 + 0.1
    probabilities[2] = [0.15, 0.75, 0.1]
    probabilities[5] = [0.05, 0.05, 0.9]
    labels = np.repeat([0, 1, 2], 3)
    places, instead = doubtful_labels(probabilities, labels)
    assert places.tolist() == [5, 2] and instead.tolist() == [2, 1]


def test_a_class_without_images_sets_no_bar():
    places, _ = doubtful_labels(np.array([[0.6, 0.3, 0.1]]), np.array([0]))
    assert len(places) == 0


def test_planted_wrong_labels_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 400)
    logits = 3 * np.eye(5)[truth] + rng.standard_normal((400, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = truth.copy()
    planted = rng.choice(400, 20, replace=False)
    labels[planted] = (labels[planted] + 1) % 5
    places, instead = doubtful_labels(probabilities, labels)
    assert len(places) >= 10 and set(places) <= set(planted)
    assert (instead == truth[places]).all()
