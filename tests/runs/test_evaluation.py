import numpy as np
import pytest

from clearconv.layers import Conv2d, Flatten, GlobalAvgPool2d, Linear, Sequential
from clearconv.runs.evaluation import evenly_spaced, judged_at_once
from clearconv.train import Callback, Evaluation, train


@pytest.fixture
def evaluation():
    """Four images of three classes; class c has no image and no prediction is c."""
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.7, 0.3, 0], [0.4, 0.6, 0]])
    labels = np.array([0, 0, 0, 1])
    return Evaluation(("a", "b", "c"), ("w", "x", "y", "z"), labels, probabilities, 0.5)


def test_numbers_by_hand(evaluation):
    assert (evaluation.right, evaluation.total, evaluation.accuracy) == (3, 4, 0.75)
    assert evaluation.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    # precision: a 2 of 2, b 1 of 2, c never predicted; recall: a 2 of 3, b 1 of 1, c has no image
    assert evaluation.precision[:2].tolist() == [1, 0.5] and np.isnan(evaluation.precision[2])
    assert evaluation.recall[:2].tolist() == [2 / 3, 1] and np.isnan(evaluation.recall[2])


def test_mistakes_are_listed_by_file(evaluation):
    (mistake,) = evaluation.wrong()
    assert vars(mistake) == {"file": "x", "label": "a", "prediction": "b", "probability": 0.8}


def test_plain_data_has_no_nan(evaluation):
    assert evaluation.to_dict()["recall"] == [2 / 3, 1.0, None]


def test_places_at_equal_distances():
    assert evenly_spaced(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly_spaced(3, 4).tolist() == [0, 1, 2]
    assert evenly_spaced(1000, 1).tolist() == [0]
    for count in range(1, 60):
        for most in range(1, 60):
            assert len(set(evenly_spaced(count, most).tolist())) == min(count, most)


def test_fewer_images_are_judged_at_once_where_their_arrays_are_large():
    """conv1 of 64 x 512 x 512 gives 2**24 numbers, 64 MiB: of these 256 MiB hold two, with x."""

    def at_once(side, channels):
        model = Sequential(Conv2d(channels, 3, padding=1), GlobalAvgPool2d(), Flatten(), Linear(2))
        return judged_at_once(model.build((3, side, side)))

    assert at_once(512, 64) == 2
    assert at_once(2048, 64) == 1
    assert at_once(128, 32) == 64


def test_a_run_that_is_done_with_an_epoch_keeps_no_batch(tmp_path):
    class Look(Callback):
        def epoch(self, record, best):
            self.tape = self.run.model.tape

        def started(self, run):
            self.run = run

    look = Look()
    train("digits", classes=("0", "1"), epochs=1, out=tmp_path / "run", callbacks=[look])
    assert look.tape is None
