import numpy as np
import pytest

from clearconv.train import Evaluation
from clearconv.train.evaluation import spread


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
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(3, 4).tolist() == [0, 1, 2]
    assert spread(1000, 1).tolist() == [0]
    for count in range(1, 60):
        for most in range(1, 60):
            assert len(set(spread(count, most).tolist())) == min(count, most)
