"""A training step of a batch that is held in parts ends in the bits of the whole batch."""

import numpy as np
import pytest
from parts import Member, train, train_whole

from benchmarks.networks import mobilenet, resnet18
from clearconv import (
    Adam,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    ReLU,
    Sequential,
)
from clearconv.layers import Context
from clearconv.layers.base.group import ALONE
from clearconv.losses import CrossEntropy, SquaredError
from clearconv.models import deep_convnet, lenet, resnet20, seed_cnn
from clearconv.ops.geometry.shards import Shards

SGD = {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4}

#: The benchmark's networks: (how to make it, shape of an image). Images may be smaller there.
NETWORKS = {
    "lenet": (lenet, (1, 28, 28)),
    "deep_convnet": (deep_convnet, (1, 28, 28)),
    "seed_cnn": (seed_cnn, (3, 96, 96)),
    "resnet20": (resnet20, (3, 16, 16)),
    "resnet18": (resnet18, (3, 16, 16)),
    "mobilenet": (mobilenet, (3, 64, 64)),
}
QUICK = [("lenet", 16), ("lenet", 5), ("lenet", 3), ("resnet20", 5)]
SLOW = [("lenet", 64), ("deep_convnet", 3), ("deep_convnet", 13), ("seed_cnn", 5), ("seed_cnn", 8)]
SLOW += [(name, N) for name in ("resnet20", "resnet18", "mobilenet") for N in (3, 9)]


def batch(shape, images, dtype="float32"):
    """Images as a loader gives them, channels last in memory, and labels."""
    rng, (C, H, W) = np.random.default_rng(5), shape
    x = rng.standard_normal((images, H, W, C)).astype(dtype).transpose(0, 3, 1, 2)
    return x, rng.integers(0, 10, images)


def check(make, criterion, x, labels, divisions=(2, 4, 8), **how):
    """Compare each part's end with the whole's: bits, but for matrix, whose BLAS promises none."""
    loss, state = train_whole(make, criterion, x, labels, **how)
    assert np.isfinite(loss)
    same = close if how.get("backend") == "matrix" else np.testing.assert_array_equal
    for parts in divisions:
        for part_loss, part_state in train(make, criterion, x, labels, parts, **how):
            same(part_loss, loss, err_msg=f"{parts} parts")
            assert part_state.keys() == state.keys()
            for path, array in state.items():
                same(part_state[path], array, err_msg=f"{parts} parts: {path}")


def close(actual, desired, err_msg):
    np.testing.assert_allclose(actual, desired, rtol=1e-9, atol=1e-9, err_msg=err_msg)


@pytest.mark.parametrize(
    ("name", "images"), [*QUICK, *(pytest.param(*row, marks=pytest.mark.ci) for row in SLOW)]
)
def test_networks_of_the_benchmark(name, images):
    function, shape = NETWORKS[name]
    x, labels = batch(shape, images)
    check(lambda: function(10).build(shape, seed=1), CrossEntropy(), x, labels, **SGD)


def every_sum():
    """Each layer that sums over the batch, fused with its neighbours and not, and dropout."""
    return Sequential(
        Conv2d(4, 3, padding=1),
        BatchNorm2d(),
        ReLU(),
        Conv2d(4, 3, bias_init=0.1, shared_biases=False, activation="tanh"),
        BatchNorm2d(),
        ConvTranspose2d(3, 2, stride=2),
        GroupNorm(3),
        Dropout(0.4),
        LayerNorm(),
        Flatten(),
        Linear(6),
        BatchNorm2d(),
        ReLU(),
        Linear(10),
    )


@pytest.mark.parametrize("images", [3, 13])
@pytest.mark.parametrize("backend", ["loops", "matrix", "native"])
def test_every_layer_that_sums_in_every_telling(backend, images):
    shape = (2, 4, 4) if backend == "loops" else (2, 7, 6)
    x, labels = batch(shape, images, "float64")

    def make():
        return every_sum().build(shape, seed=1, dtype="float64")

    loss = CrossEntropy(0.1, tuple(np.linspace(0.5, 2, 10)))
    divisions = (8,) if backend == "loops" else (2, 4, 8)
    check(make, loss, x, labels, divisions, steps=2, backend=backend, optimiser=Adam)


def test_squared_error_and_an_evaluation_pass():
    x, _ = batch((2, 6, 6), 9)
    target = np.random.default_rng(6).standard_normal((9, 10)).astype("f4")
    check(lambda: every_sum().build((2, 6, 6), seed=1), SquaredError(), x, target, **SGD)


def test_more_shards_are_another_tree_with_the_bits_of_its_own():
    x, labels = batch((1, 28, 28), 33)

    def make():
        return lenet(10).build((1, 28, 28), seed=1)

    results = [train(make, CrossEntropy(), x, labels, parts, total=16, **SGD) for parts in (1, 4)]
    for loss, state in results[1]:
        assert loss == results[0][0][0]
        for path, array in results[0][0][1].items():
            assert state[path].tobytes() == array.tobytes(), path


def test_dropout_draws_for_the_place_in_the_whole_batch():
    layer = Dropout(0.5)
    layer.build((40,), seed=1)
    x = np.ones((13, 40), "f4")
    whole = layer.forward(x, context=Context(training=True, seed=3))
    for number in range(4):
        part = Shards(8, images=13).part(number, 4)
        context = Context(training=True, seed=3, shards=part)
        np.testing.assert_array_equal(
            layer.forward(x[part.cut()], context=context), whole[part.cut()]
        )


def test_without_a_group_nothing_is_asked_for(monkeypatch):
    """The one-call kernels run as they did."""
    monkeypatch.setattr(type(ALONE), "combine", None)
    x, labels = batch((1, 28, 28), 4)
    model = lenet(10).build((1, 28, 28))
    _, grad = CrossEntropy()(model.forward(x, training=True), labels)
    model.backward(grad)


def test_parts_that_add_up_in_another_order_are_seen(monkeypatch):
    x, labels = batch((1, 28, 28), 16)
    start = Member.__init__

    def exchanged(self, meeting, number):
        """The second and third of four parts take each other's place."""
        start(self, meeting, {1: 2, 2: 1}.get(number, number))

    monkeypatch.setattr(Member, "__init__", exchanged)
    with pytest.raises(AssertionError):
        check(lambda: lenet(10).build((1, 28, 28), seed=1), CrossEntropy(), x, labels, (4,), **SGD)
