"""How sure a counted share is: the interval against published values."""

import pytest

from clearconv.train.interval import wilson


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
