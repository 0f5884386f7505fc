"""Losses: one number, its gradient, and the targets that are refused."""

import math

import numpy as np
import pytest

from clearconv import CrossEntropy, SquaredError
from clearconv.errors import ArgumentError, ShapeError

# Logits ln 1, ln 2, ln 5 and ln 3, ln 1, ln 4: probabilities (1, 2, 5) / 8 and (3, 1, 4) / 8.
Y = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 1.0, 4.0]]))
P = np.array([[1, 2, 5], [3, 1, 4]]) / 8


def test_cross_entropy_by_hand():
    loss, grad_y = CrossEntropy()(Y, np.array([1, 0]))
    assert loss == pytest.approx((math.log(4) + math.log(8 / 3)) / 2)  # -(ln 2/8 + ln 3/8) / 2
    np.testing.assert_allclose(grad_y, (P - [[0, 1, 0], [1, 0, 0]]) / 2, atol=1e-15)
    # class weights 1, 3, 1: (3 ln 4 + 1 ln 8/3) / 4
    loss, grad_y = CrossEntropy(class_weight=[1, 3, 1])(Y, np.array([1, 0]))
    assert loss == pytest.approx((3 * math.log(4) + math.log(8 / 3)) / 4)
    np.testing.assert_allclose(
        grad_y, (P - [[0, 1, 0], [1, 0, 0]]) * np.array([[3], [1]]) / 4, atol=1e-15
    )
    # and with smoothing each image keeps its weight: 3 and 1
    _, grad_y = CrossEntropy(0.3, [1, 3, 1])(Y, np.array([1, 0]))
    np.testing.assert_allclose(
        grad_y,
        (P - [[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]) * np.array([[3], [1]]) / 4,
        atol=1e-15,
    )
    # smoothing 0.3: 0.8 at the label, 0.1 elsewhere
    _, grad_y = CrossEntropy(label_smoothing=0.3)(Y, np.array([1, 0]))
    np.testing.assert_allclose(grad_y, (P - [[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]) / 2, atol=1e-15)


def test_images_with_weights_of_their_own_by_hand():
    # weights 3 and 1 of two images: (3 ln 4 + 1 ln 8/3) / 2
    loss, grad_y = CrossEntropy().weighed(Y, np.array([1, 0]), np.array([3.0, 1.0]))
    assert loss == pytest.approx((3 * math.log(4) + math.log(8 / 3)) / 2)
    np.testing.assert_allclose(
        grad_y, (P - [[0, 1, 0], [1, 0, 0]]) * np.array([[3], [1]]) / 2, atol=1e-15
    )
    # weights of 1 change nothing, also with smoothing
    smoothed = CrossEntropy(0.3)
    for found, expected in zip(
        smoothed.weighed(Y, np.array([1, 0]), np.ones(2)),
        smoothed(Y, np.array([1, 0])),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_are_probabilities(dtype):
    target = np.array([[0, 1, 0], [0.2, 0.3, 0.5005]], dtype)  # within the tolerance of 1e-3
    _, grad_y = CrossEntropy()(Y.astype(dtype), target)
    np.testing.assert_allclose(grad_y[0], (P[0] - target[0]) / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1.5, -0.5, 0.0], "row 1 of target is .*negative"),
        ([math.nan, 0.5, 0.5], "row 1 of target is .*nan"),
        ([0.5, 0.5, 0.002], "row 1 of target sums to 1.002.*sum to 1"),
        ([0.0, 0.0, 0.0], "row 1 of target sums to 0"),
        ([5.0, 2.0, 1.0], "row 1 of target sums to 8"),
    ],
)
def test_rows_that_are_no_probabilities(row, message):
    with pytest.raises(ArgumentError, match=message):
        CrossEntropy()(Y, np.array([[0.0, 1.0, 0.0], row]))


def test_squared_error_by_hand():
    y, target = np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]])  # differences 2, -1
    for reduction, loss, grad_y in (
        ("mean", 2.5, [[2, -1]]),  # (4 + 1) / 2, 2 · difference / 2
        ("sum", 5, [[4, -2]]),
        ("half_sum", 2.5, [[2, -1]]),
    ):
        found = SquaredError(reduction)(y, target)
        assert found[0] == loss
        np.testing.assert_array_equal(found[1], grad_y)
    with pytest.raises(ShapeError):
        SquaredError()(y, target[0])


@pytest.mark.parametrize("reduction", ["none", "average", None])
def test_a_loss_is_one_number(reduction):
    with pytest.raises(ArgumentError, match="one number.*'mean', 'sum' or 'half_sum'"):
        SquaredError(reduction)
