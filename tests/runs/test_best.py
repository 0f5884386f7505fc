"""The epoch that is kept: the latest not clearly below the highest; by what it is judged."""

from dataclasses import replace

import numpy as np
import pytest

from clearconv.runs.best import best_epoch, highest_epoch, standard_error
from clearconv.runs.evaluation import Evaluation
from epochs import record


def records(accuracies, images=100, losses=None):
    """Records as the loop writes them."""
    history = []
    for number, accuracy in enumerate(accuracies, start=1):
        share = (accuracy * images + 1) / (images + 2)
        history.append(
            record(
                number,
                validation_accuracy=accuracy,
                validation_loss=losses[number - 1] if losses else 1.0,
                validation_standard_error=(share * (1 - share) / images) ** 0.5,
            )
        )
    return history


@pytest.mark.parametrize(
    ("accuracies", "images", "best"),
    [
        ([0.5, 0.7, 0.9, 0.88, 0.9, 0.87], 100, 6),  # 0.87 + 2 * 0.033 > 0.9
        ([0.5, 0.7, 0.9, 0.88, 0.85, 0.8], 100, 5),  # 0.85 still is, 0.8 is not
        ([0.5, 0.9, 0.3, 0.25, 0.25], 20, 2),  # diverged
        ([0.5, 0.75, 1.0, 0.75, 0.75], 8, 5),  # two of eight images say nothing
        ([0.5, 0.75, 1.0, 0.75, 0.25], 8, 4),  # six of eight do
        ([0.9, 0.92, 0.95, 0.94, 0.93, 0.92], 400, 5),  # 0.92 + 2 * 0.014 < 0.95
        ([0.4], 10, 1),
    ],
)
def test_the_latest_that_is_not_clearly_below_the_highest(accuracies, images, best):
    assert best_epoch(records(accuracies, images)) == best


def test_whether_an_epoch_is_best_does_not_change_with_those_before_it_known():
    """A run that keeps a model at the end of each epoch has, at every moment, the best one's."""
    rng = np.random.default_rng(0)
    history = records(rng.integers(5, 21, 50) / 20, 20)
    kept = 0
    for end in range(1, 51):
        if best_epoch(history[:end]) == end:
            kept = end
        assert best_epoch(history[:end]) == kept


def test_the_highest_is_what_patience_waits_for():
    history = records([0.7, 0.9, 0.9, 0.89], losses=[1.0, 0.6, 0.5, 0.4])
    assert highest_epoch(history) == 3 and best_epoch(history) == 4


def test_records_of_an_earlier_version_are_judged_as_it_did():
    history = records([0.7, 0.9, 0.9, 0.89], losses=[1.0, 0.5, 0.6, 0.4])
    old = [replace(r, validation_standard_error=None) for r in history]
    assert best_epoch(old) == 2
    assert best_epoch([*old[:2], *history[2:]]) == 4  # went on with this version


def test_the_standard_error_of_what_an_epoch_is_judged_by():
    # 8 images of "a", all named right; 2 of "b", one named right
    labels = np.array([0] * 8 + [1] * 2)
    probabilities = np.eye(3)[[0] * 9 + [1]]
    said = Evaluation(("a", "b", "none"), ("x",) * 10, labels, probabilities, 0.5)
    share = 10 / 12
    plain = standard_error(said, every_class_alike=False)
    assert said.accuracy == 0.9 and plain == pytest.approx((share * (1 - share) / 10) ** 0.5)
    first, second = 9 / 10 * 1 / 10 / 8, 1 / 2 * 1 / 2 / 2
    alike = standard_error(said, every_class_alike=True)
    assert said.mean_recall == 0.75  # (8/8 + 1/2) / 2; "none" has no images
    assert alike == pytest.approx((first + second) ** 0.5 / 2)
