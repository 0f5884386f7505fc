"""Dropout through the layer: each unit's own keep rate, never an average over units."""

import itertools

import numpy as np
import pytest

from clearconv import Context, Dropout, Flatten, Layer, Sequential
from clearconv.errors import ArgumentError

SHAPE, N, STEPS = (6, 3, 2), 4, 400


def masks(layer, steps=STEPS):
    """Return which units were kept: (steps, N, C, H, W)."""
    model = Sequential(layer).build(SHAPE, seed=3)
    x = np.ones((N, *SHAPE), "float32")
    return np.stack([model.forward(x, training=True) != 0 for _ in range(steps)])


def worst_unit(kept, p):
    """Return by how many standard deviations the keep rate of the worst unit is off."""
    steps = len(kept)
    deviation = np.abs(kept.sum(axis=0) - steps * (1 - p)) / np.sqrt(steps * p * (1 - p))
    return float(deviation.max())


def worst_agreement(kept, p):
    """Compare every two units, by how many deviations they agree more or less than chance."""
    steps = len(kept)
    flat = kept.reshape(steps, -1)[:, :60].astype(float)  # (steps, units)
    agree = flat.T @ flat + (1 - flat).T @ (1 - flat)  # steps in which two units do the same
    q = p**2 + (1 - p) ** 2
    off = np.abs(agree - steps * q) / np.sqrt(steps * q * (1 - q))
    return float(off[~np.eye(len(off), dtype=bool)].max())


class SameChannels(Layer):
    """A mistake that gradient checks pass: it always drops the first p * C channels."""

    def __init__(self, p=0.5, *, name=None):
        super().__init__(name, p=p)
        self.p = p

    def _build(self, input_shape):
        return input_shape

    def _forward(self, x, context):
        if not context.training:
            return x, np.ones_like(x)
        mask = np.zeros_like(x)
        mask[:, int(self.p * x.shape[1]) :] = 1 / (1 - self.p)
        return x * mask, mask

    def _backward(self, grad_y, saved, context):
        return grad_y * saved


class OneMaskForAll(SameChannels):
    """Another: fair to each unit, but every image of the batch loses the same units."""

    def _forward(self, x, context):
        rng = np.random.default_rng(context.step)
        mask = (rng.random(x.shape[1:]) >= self.p).astype(x.dtype) / (1 - self.p)
        return x * mask, np.broadcast_to(mask, x.shape)


# 144 units and 1,770 pairs: among so many fair ones the worst stays well under 5.5 deviations.
LIMIT = 5.5


@pytest.mark.parametrize("p", [0.2, 0.5, 0.7])
def test_every_unit_is_kept_at_the_rate_asked_for(p):
    kept = masks(Dropout(p))
    assert worst_unit(kept, p) < LIMIT
    assert worst_agreement(kept, p) < LIMIT


def test_the_checks_catch_dropping_the_same_channels_always():
    kept = masks(SameChannels(0.5))
    assert kept.mean() == 0.5  # the average is right, and hides it
    assert worst_unit(kept, 0.5) > LIMIT


def test_the_checks_catch_one_mask_for_all_images():
    kept = masks(OneMaskForAll(0.5))
    assert worst_unit(kept, 0.5) < LIMIT
    assert worst_agreement(kept, 0.5) > LIMIT


def test_consecutive_steps_are_independent():
    kept = masks(Dropout(0.5))
    same = (kept[1:] == kept[:-1]).sum(axis=0)  # per unit
    assert np.max(np.abs(same - 199.5)) / np.sqrt(399 / 4) < LIMIT


def test_kept_units_are_scaled_and_the_gradient_goes_the_same_way():
    layer = Dropout(0.25).build(SHAPE, dtype="float64")
    x = np.random.default_rng(0).standard_normal((N, *SHAPE)) + 10
    y = layer.forward(x, training=True)
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / 0.75, rtol=1e-15)
    grad_y = np.random.default_rng(1).standard_normal(y.shape)
    grad_x = layer.backward(grad_y)
    np.testing.assert_allclose(grad_x, np.where(kept, grad_y / 0.75, 0), rtol=1e-15)


def test_evaluation_and_p_of_0_do_nothing():
    x = np.random.default_rng(0).standard_normal((N, *SHAPE)).astype("float32")
    np.testing.assert_array_equal(Dropout(0.9).build(SHAPE).forward(x), x)
    np.testing.assert_array_equal(Dropout(0.0).build(SHAPE).forward(x, training=True), x)


def test_a_mask_follows_the_sample_not_its_place_in_the_batch():
    model = Sequential(Dropout(0.5)).build(SHAPE)
    x = np.ones((4, *SHAPE), "float32")

    def kept(samples, **key):
        context = Context(training=True, samples=samples, **key)
        return model.forward(x[: len(samples)], context=context)

    straight, turned = kept((7, 8, 9, 10)), kept((10, 9, 8, 7))
    np.testing.assert_array_equal(straight[::-1], turned)
    np.testing.assert_array_equal(straight[2:], kept((9, 10)))  # however the work is divided
    others = [straight, kept((7, 8, 9, 10), seed=1), kept((7, 8, 9, 10), epoch=1),
              kept((7, 8, 9, 10), step=1)]  # fmt: skip
    for first, second in itertools.combinations(others, 2):
        assert not np.array_equal(first, second)


def test_two_dropouts_of_one_model_differ():
    model = Sequential(Dropout(0.5), Flatten(), Dropout(0.5)).build(SHAPE)
    model.forward(np.ones((8, *SHAPE), "float32"), training=True, keep="all")
    first, second = model.tape.outputs["dropout1"], model.tape.outputs["dropout2"]
    survivors = first.reshape(8, -1) != 0
    rate = float((second[survivors] != 0).mean())
    assert 0.3 < rate < 0.7  # 144 fair draws; the same mask again would keep all of them


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_a_probability_is_wanted(p):
    with pytest.raises(ArgumentError, match="0 <= p < 1"):
        Dropout(p)
