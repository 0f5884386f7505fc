"""How sure a counted share is: the interval against published values."""

from dataclasses import replace

import numpy as np
import pytest

from clearconv.cli.screen.evaluation import sureness
from clearconv.runs.interval import wilson
from clearconv.train import Evaluation


def test_wilson_against_published_values():
    """Newcombe 1998, table I, method 3 (Wilson's score without continuity correction)."""
    for right, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_stays_within_0_and_1_and_is_symmetric():
    assert wilson(5, 5)[1] == 1 and wilson(0, 5)[0] == 0
    low, high = wilson(7, 9)
    assert wilson(2, 9) == pytest.approx((1 - high, 1 - low))


def test_copies_of_a_picture_count_as_one():
    """Forty images of two pictures say as little as two images do."""
    labels, probabilities = np.zeros(40, np.int64), np.eye(2)[[0, 1] * 20]
    many = Evaluation(("a", "b"), ("f",) * 40, labels, probabilities, 0.5)
    two = replace(many, different=2)
    assert many.interval == wilson(20, 40)
    assert two.interval == wilson(1, 2)
    said = list(sureness(two))
    assert said[0] == "the 40 test images show 2 different pictures; copies of one count as one"
    assert said[1].startswith("2 pictures are few")
    assert len(list(sureness(many))) == 2
