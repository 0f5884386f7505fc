"""Dropout: by hand, the keep rate of every unit, independence, and what a mask depends on."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import dropout
from clearconv.ops.dropout import DropoutKey, DropoutSaved
from clearconv.ops.tellings import available
from clearconv.random import generator

BACKENDS = available("dropout")


def key(samples, seed=0, path="drop", epoch=0, step=0):
    return DropoutKey(seed, path, epoch, step, samples)


@pytest.mark.parametrize("backend", BACKENDS)
def test_worked_by_hand(backend):
    # p = 0.2: kept units grow by 1 / 0.8 = 1.25.
    saved = DropoutSaved(np.array([[True, False, True]]), 0.2)
    grad_x = dropout.backward_input(np.array([[4.0, 5.0, -8.0]]), saved, backend=backend)
    assert grad_x.tolist() == [[5, 0, -10]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_forward_is_the_mask_times_the_scale(backend):
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 5))
    y, saved = dropout.forward_saving(x, 0.2, key((5, 6, 7)), backend=backend)
    assert np.array_equal(saved.mask, dropout.mask(x.shape, 0.2, key((5, 6, 7))))
    for place in np.ndindex(x.shape):
        expected = x[place] * 1.25 if saved.mask[place] else 0
        assert y[place] == pytest.approx(expected, abs=1e-15)
    assert np.array_equal(dropout.forward(x, 0.2, key((5, 6, 7)), backend=backend), y)


@pytest.mark.parametrize("backend", BACKENDS)
def test_mask_comes_from_the_named_stream(backend):
    """Drawn here by hand, unit after unit in (C, H, W) order."""
    kept = dropout.mask((2, 2, 3), 0.3, key([8, 9], seed=4, epoch=1, step=2), backend=backend)
    for n, sample in enumerate([8, 9]):
        numbers = generator(4, "dropout", "drop", 1, 2, sample).random(6, dtype=np.float32)
        assert kept[n].ravel().tolist() == [bool(u >= 0.3) for u in numbers]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_every_unit_is_kept_as_often_as_promised(p):
    """Per unit, not on average: a mask that always drops the same channels has the right mean."""
    draws = 4000
    kept = dropout.mask((draws, 4, 3, 2), p, key(range(draws)))
    counts = kept.sum(axis=0)  # (4, 3, 2)
    deviation = math.sqrt(draws * p * (1 - p))
    # 24 units, five standard deviations: a right mask fails once in 70,000 keys.
    assert np.max(np.abs(counts - draws * (1 - p))) < 5 * deviation


def test_the_same_over_steps():
    p, steps = 0.5, 1000
    kept = np.stack([dropout.mask((1, 6), p, key((0,), step=step))[0] for step in range(steps)])
    assert np.max(np.abs(kept.sum(axis=0) - steps / 2)) < 5 * math.sqrt(steps / 4)


def test_two_units_are_independent():
    draws, p = 4000, 0.3
    kept = dropout.mask((draws, 2, 2, 2), p, key(range(draws))).reshape(draws, 8)
    both = (1 - p) ** 2
    bound = 5 * math.sqrt(draws * both * (1 - both))
    for a, b in itertools.combinations(range(8), 2):
        together = np.count_nonzero(kept[:, a] & kept[:, b])
        assert abs(together - draws * both) < bound, (a, b)


def test_what_a_mask_depends_on():
    shape, samples = (4, 50), (0, 1, 2, 3)
    first = dropout.mask(shape, 0.5, key(samples))
    assert np.array_equal(first, dropout.mask(shape, 0.5, key(np.array(samples))))
    others = [
        key(samples, step=1),
        key(samples, epoch=1),
        key(samples, seed=1),
        key(samples, path="other"),
        key((4, 5, 6, 7)),
    ]
    for other in others:
        second = dropout.mask(shape, 0.5, other)
        assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True)), other
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(first, 2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_batch_may_be_divided_and_reordered(backend):
    whole = dropout.mask((4, 9), 0.5, key((3, 1, 4, 2)), backend=backend)
    assert np.array_equal(whole[1:3], dropout.mask((2, 9), 0.5, key((1, 4)), backend=backend))
    reversed_ = dropout.mask((4, 9), 0.5, key((2, 4, 1, 3)), backend=backend)
    assert np.array_equal(whole[::-1], reversed_)


def test_memory_layout_changes_neither_mask_nor_layout():
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5)).astype("float32")
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y, _ = dropout.forward_saving(x, 0.4, key((0, 1)), backend="matrix")
    same, saved = dropout.forward_saving(last, 0.4, key((0, 1)), backend="matrix")
    assert np.array_equal(y, same)
    assert same.strides == last.strides
    assert dropout.backward_input(last, saved, backend="matrix").strides == last.strides
    double, _ = dropout.forward_saving(x.astype("float64"), 0.4, key((0, 1)))
    assert np.array_equal(double != 0, y != 0)


def test_p_zero_is_the_identity():
    x = np.ones((2, 3))
    y, saved = dropout.forward_saving(x, 0.0, key((0, 1)))
    assert y is x and saved.mask is None
    assert dropout.backward_input(x, saved) is x
    assert dropout.mask((2, 3), 0.0, key((0, 1))).all()


def test_out_receives_the_result():
    x, out = np.ones((2, 3)), np.empty((2, 3))
    for p in (0.0, 0.5):
        y, saved = dropout.forward_saving(x, p, key((0, 1)), out=out)
        assert y is out
        assert np.array_equal(y, dropout.forward(x, p, key((0, 1))))
        grad = np.empty((2, 3))
        assert dropout.backward_input(x, saved, out=grad) is grad
        assert np.array_equal(grad, y)


def test_errors():
    x = np.ones((2, 3))
    for p in (1.0, 1.5, -0.1, math.nan):
        with pytest.raises(ArgumentError, match="0 <= p < 1 is needed"):
            dropout.forward(x, p, key((0, 1)))
    with pytest.raises(ShapeError, match=r"names 3 samples, but the shape is \(2, 3\)"):
        dropout.forward(x, 0.5, key((0, 1, 2)))
    with pytest.raises(DtypeError, match="int64"):
        dropout.forward(x.astype("int64"), 0.5, key((0, 1)))
    _, saved = dropout.forward_saving(x, 0.5, key((0, 1)))
    with pytest.raises(ShapeError, match=r"grad_y has shape \(2, 4\)"):
        dropout.backward_input(np.ones((2, 4)), saved)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(p=st.floats(0, 0.9), seed=st.integers(0, 1000), backend=st.sampled_from(BACKENDS))
def test_gradient_against_differences(p, seed, backend):
    rng = np.random.default_rng(seed)
    x, grad_y, way = rng.standard_normal((3, 2, 3, 4))
    names = key((7, 8), seed=seed)
    _, saved = dropout.forward_saving(x, p, names, backend=backend)
    grad_x = dropout.backward_input(grad_y, saved, backend=backend)
    ends = [np.sum(dropout.forward(x + s * way, p, names) * grad_y) for s in (1e-6, -1e-6)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad_x * way), abs=1e-7, rel=1e-6)
