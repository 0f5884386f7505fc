"""What batch norm owes in training and in evaluation."""

import numpy as np
import pytest

from clearconv import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU, Sequential
from clearconv.errors import ShapeError


def images(n, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    level = np.array([5.0, -3.0, 0.5]).reshape(1, 3, 1, 1)
    spread = np.array([2.0, 0.1, 7.0]).reshape(1, 3, 1, 1)
    return (level + spread * rng.standard_normal((n, 3, 5, 4))).astype(dtype)


def norm(**options):
    return BatchNorm2d(**options).build((3, 5, 4), dtype="float64")


def net():
    return Sequential(
        Conv2d(4, 3), BatchNorm2d(), ReLU(), Conv2d(5, 2), BatchNorm2d(), GlobalAvgPool2d(),
        Flatten(), Linear(3), BatchNorm2d(),
    ).build((3, 5, 4), dtype="float64")  # fmt: skip


def test_training_normalises_each_channel():
    y = norm(eps=1e-20).forward(images(6), training=True)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, atol=1e-12)


def test_running_statistics_follow_the_batch_by_momentum():
    layer, x = norm(momentum=0.25), images(6)
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=1)
    for step in range(1, 4):
        layer.forward(x, training=True)
        left = 0.75**step  # share of the start, mean 0 and variance 1
        state = layer.state_dict()
        np.testing.assert_allclose(state["running_mean"], (1 - left) * mean, rtol=1e-12)
        np.testing.assert_allclose(state["running_var"], left + (1 - left) * var, rtol=1e-12)


def test_running_statistics_converge_so_that_evaluation_agrees_with_training():
    layer, x = norm(), images(40)
    for _ in range(300):
        y = layer.forward(x, training=True)
    count = x.size // 3
    scale = np.sqrt((count - 1) / count)  # the running variance is the unbiased one
    np.testing.assert_allclose(layer.forward(x), y * scale, atol=1e-5)


def test_running_statistics_converge_to_the_population_over_different_batches():
    layer = norm(momentum=0.02)
    for seed in range(400):
        layer.forward(images(8, seed), training=True)
    state = layer.state_dict()
    np.testing.assert_allclose(state["running_mean"], [5, -3, 0.5], atol=0.3)
    np.testing.assert_allclose(np.sqrt(state["running_var"]), [2, 0.1, 7], rtol=0.05)


def test_evaluation_changes_nothing_that_is_saved():
    model = net()
    model.forward(images(4), training=True)
    before = model.store.fingerprint()
    model.forward(images(4, 1), keep="backward")
    model.backward(np.ones((4, 3)))
    model.predict(images(4, 2))
    assert model.store.fingerprint() == before


@pytest.mark.parametrize("trained", [0, 5])
def test_evaluation_does_not_depend_on_batch_mates(trained):
    model = net()
    for seed in range(trained):
        model.forward(images(8, seed), training=True)
    x = images(9, 100)
    alone = np.stack([model.forward(image) for image in x])  # (9, 3)
    wild = 1e3 * images(9, 101)
    for size in (1, 2, 5, 9):
        np.testing.assert_allclose(model.predict(x, batch_size=size), alone, rtol=1e-10)
    for place in range(9):
        mates = wild.copy()
        mates[place] = x[place]
        np.testing.assert_allclose(model.forward(mates)[place], alone[place], rtol=1e-10)


def test_training_does_depend_on_batch_mates():
    """The same comparison in training mode fails: the test above can tell the modes apart."""
    layer, x = norm(), images(4)
    other = np.concatenate([x[:1], 1e3 * x[1:]])
    first = layer.forward(x, training=True)[0]
    assert np.max(np.abs(layer.forward(other, training=True)[0] - first)) > 0.1


def test_the_gradient_in_evaluation_treats_the_statistics_as_constants():
    layer, x = norm(), images(6)
    layer.forward(x, training=True)
    layer.value("weight")[:] = [2, -1, 0.5]
    state = layer.state_dict()
    layer.forward(x, keep="backward")
    grad_y = np.random.default_rng(0).standard_normal(x.shape)
    grad_x = layer.backward(grad_y)
    factor = state["weight"] / np.sqrt(state["running_var"] + 1e-5)
    np.testing.assert_allclose(grad_x, grad_y * factor.reshape(3, 1, 1), rtol=1e-12)
    # the gradient of one image is its own affair
    other = grad_y.copy()
    other[1:] = 0
    np.testing.assert_array_equal(layer.backward(other)[0], grad_x[0])


def test_a_later_training_step_does_not_reach_into_a_recorded_evaluation():
    layer, x = norm(), images(6)
    layer.forward(x, keep="backward")
    grad_y = np.random.default_rng(0).standard_normal(x.shape)
    expected, tape = layer.backward(grad_y), layer.tape
    layer.forward(images(6, 1), training=True)
    layer.tape = tape
    np.testing.assert_array_equal(layer.backward(grad_y), expected)


def test_a_batch_of_one_number_a_channel_is_told():
    layer = BatchNorm2d(name="norm3").build((3, 1, 1))
    with pytest.raises(ShapeError, match="BatchNorm2d 'norm3'.*no variance"):
        layer.forward(np.zeros((1, 3, 1, 1), "float32"), training=True)
