"""Frozen layers: what they do in training, what they cost, where a model can be cut."""

import copy

import numpy as np
import pytest

from clearconv import (
    AdamW,
    BatchNorm2d,
    Concat,
    Context,
    Conv2d,
    CrossEntropy,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
)
from clearconv.errors import ArgumentError, ShapeError, TapeError
from clearconv.models import resnet20

LABELS = np.array([0, 1, 2, 0])


def below():
    return [Conv2d(4, 3, name="a"), BatchNorm2d(name="b"), ReLU(name="c"), Dropout(0.5, name="d")]


def above():
    return [
        MaxPool2d(2, name="e"),
        Conv2d(5, 3, name="f"),
        BatchNorm2d(name="g"),
        ReLU(name="h"),
        Dropout(0.5, name="i"),
        Flatten(name="j"),
        Linear(3, name="k"),
    ]


def images(seed=0):
    return np.random.default_rng(seed).standard_normal((4, 2, 12, 12))


def built(*layers, shape=(2, 12, 12)):
    """A model with running statistics that are not the initial ones."""
    model = Sequential(*layers).build(shape, seed=1, dtype="float64")
    if shape == (2, 12, 12):
        model.forward(images(9), training=True)
    return model


def step(model, x, keep=None):
    context = Context(training=True, seed=3, step=7)
    y = model.forward(x, context=context, keep=keep)
    loss, grad = CrossEntropy()(y, LABELS)
    model.backward(grad, input_gradient=False)
    return loss


@pytest.mark.parametrize("keep", [None, "all"])
def test_a_frozen_step_is_the_step_of_the_upper_part_on_the_lower_parts_evaluation(keep):
    model = built(*below(), *above())
    model.freeze("e")
    lower = built(*below())
    lower.load_state_dict({k: v for k, v in model.state_dict().items() if k[0] in "ab"})
    upper = built(*above(), shape=(4, 10, 10))
    upper.load_state_dict({k: v for k, v in model.state_dict().items() if k[0] not in "ab"})
    for x in (images(), images(1)):
        features = lower.forward(x)  # running statistics, no dropout
        assert step(model, x, keep) == pytest.approx(step(upper, features), rel=1e-12)
        for path, grad in upper.gradients.items():
            np.testing.assert_allclose(model.gradients[path], grad, atol=1e-12)
        for path, buffer in upper.store.buffers.items():
            np.testing.assert_allclose(model.store.buffers[path], buffer, atol=1e-12)
        for path, buffer in lower.store.buffers.items():
            assert np.array_equal(model.store.buffers[path], buffer)


def test_frozen_parameters_neither_move_nor_decay():
    model = built(*below(), *above()).freeze(4)
    before = model.state_dict()
    optimiser = AdamW(model, lr=0.1, weight_decay=0.5)
    for _ in range(3):
        step(model, images())
        optimiser.step()
    after = model.state_dict()
    same = {path for path in before if np.array_equal(before[path], after[path])}
    assert same == {path for path in before if path[0] in "ab"}
    assert not any(model.gradients[path].any() for path in model.gradients if path[0] in "ab")


def test_frozen_layers_leave_nothing_and_see_no_gradient():
    asked = []

    class Asked(Identity):
        def _backward(self, grad_y, saved, context):
            asked.append(self.path)
            return super()._backward(grad_y, saved, context)

    model = Sequential(
        Asked(name="x"), Conv2d(4, 3, name="a"), Asked(name="y"), Flatten(), Linear(3)
    )
    model.build((2, 12, 12), dtype="float64")
    step(model, images())
    assert asked == ["y"]  # below the first parameters nobody waits for a gradient
    asked.clear()
    model.freeze(2)
    step(model, images())
    assert asked == []
    assert set(model.tape.saved) == {"y", "flatten1", "linear1"}
    grad = np.ones((4, 3))
    model.forward(images(), keep="backward")  # evaluation is as ever
    assert model.backward(grad).shape == (4, 2, 12, 12)
    assert asked == ["y", "x"]
    model.forward(images(), training=True)
    with pytest.raises(TapeError, match="first layers are frozen .2.*input_gradient=False"):
        model.backward(grad)


def test_evaluation_keeps_its_bits():
    model = built(*below(), *above())
    y = model(images())
    assert np.array_equal(model.freeze("f")(images()), y)


def frozen_paths(model):
    weights, others = model.store.frozen
    order = list(model.parameters.items())  # weights first, then the others, each as they run
    sizes = np.cumsum([array.size for _, array in order])
    held = sizes <= weights
    held |= (sizes > model.store.decayed) & (sizes <= model.store.decayed + others)
    return {path for (path, _), is_held in zip(order, held, strict=True) if is_held}


@pytest.mark.parametrize(
    ("before", "names"),
    [
        (1, ("conv1.",)),
        (2, ("conv1.", "bn1.")),
        (4, ("conv1.", "bn1.", "layer1.")),
        ("layer2", ("conv1.", "bn1.", "layer1.")),
        ("layer2.1", ("conv1.", "bn1.", "layer1.", "layer2.0.")),
        ("layer2.1.conv1", ("conv1.", "bn1.", "layer1.", "layer2.0.")),
        ("fc", ("conv1.", "bn1.", "layer")),
        ("conv1", ()),
        (0, ()),
    ],
)
def test_where_a_model_is_cut(before, names):
    model = resnet20(3).build((3, 16, 16)).freeze(before)
    assert frozen_paths(model) == {p for p in model.parameters if p.startswith(names)}


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (9, "would leave nothing to train: only 0 layers"),
        (99, "has 9 layers and blocks in a row .conv1, bn1, "),
        (-1, "Give a number up to that"),
        (True, "no layer or block of that name"),
        ("layer9", "no layer or block of that name; it has conv1, bn1, .*fc"),
        ("layer2.0.conv2", "inside a block"),
    ],
)
def test_where_it_cannot_be_cut(before, words):
    model = resnet20(3).build((3, 16, 16))
    with pytest.raises(ArgumentError, match=words):
        model.freeze(before)
    assert model.frozen == 0 and model.store.frozen == (0, 0)


def test_branches_side_by_side_are_one_block():
    model = Sequential(Concat(Conv2d(2, 1, name="l"), Conv2d(2, 1, name="r"), name="both"), ReLU())
    model.build((2, 4, 4))
    with pytest.raises(ArgumentError, match="'both.r' is inside a block"):
        model.freeze("both.r")


def test_copies_stay_frozen_and_building_ends_it():
    model = built(*below(), *above()).freeze("f")
    again = copy.deepcopy(model)
    assert again.frozen == "f" and again.store.frozen == model.store.frozen == (72, 12)
    assert model.freeze(0).store.frozen == (0, 0)
    again.build((2, 12, 12))
    assert again.frozen == 0 and again.store.frozen == (0, 0)
    with pytest.raises(ShapeError, match="not built"):
        Sequential(Conv2d(1, 1)).freeze(1)
