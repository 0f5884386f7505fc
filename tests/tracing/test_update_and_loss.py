"""The two ends of a step: the loss, and what the optimiser makes of the gradients."""

import numpy as np
import pytest

from clearconv import (
    SGD,
    Adam,
    AdamW,
    BatchNorm2d,
    Conv2d,
    CrossEntropy,
    Flatten,
    Linear,
    ReLU,
    Sequential,
    trace,
)

SHAPE = (2, 4, 5)


def model():
    layers = Conv2d(3, 2), BatchNorm2d(), ReLU(), Flatten(), Linear(4)
    return Sequential(*layers).build(SHAPE, dtype="float64")


def images(n):
    return np.random.default_rng(0).standard_normal((n, *SHAPE))


OPTIMISERS = {
    "plain": lambda net: SGD(net, lr=0.3),
    "decay": lambda net: SGD(net, lr=0.3, weight_decay=0.2),
    "momentum": lambda net: SGD(net, lr=0.3, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda net: SGD(net, lr=0.3, momentum=0.8, nesterov=True),
    "adam": lambda net: Adam(net, lr=0.1, betas=(0.7, 0.9)),
    "adam decay": lambda net: Adam(net, lr=0.1, weight_decay=0.2),
    "adamw": lambda net: AdamW(net, lr=0.1, weight_decay=0.3, eps=1e-4),
}


def stepped(optimiser, net, steps=2):
    """Take real steps first, so that the optimiser remembers something."""
    for _ in range(steps):
        y = net.forward(images(3), training=True)
        net.backward(CrossEntropy()(y, np.array([0, 3, 1]))[1])
        optimiser.step()
    return optimiser


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_update_is_the_optimisers_own_next_step(name, adds_up):
    net = model()
    optimiser = stepped(OPTIMISERS[name](net), net)
    state = {key: array.copy() for key, array in optimiser.state().items()}
    x = images(3)
    recorded = trace(
        net, x[0], 2, training=True, batch=(x[1:], [0, 1]), optimiser=optimiser, lr=0.05
    )
    for key, array in optimiser.state().items():
        np.testing.assert_array_equal(array, state[key])
    assert recorded.update.step == 3 and recorded.update.settings.lr == 0.05
    adds_up(recorded)
    net.store.grads[...] = np.concatenate(
        [
            recorded[path.rpartition(".")[0]].parameters[path.rpartition(".")[2]].gradient.ravel()
            for path in net.parameters
        ]
    )
    optimiser.step(0.05)
    for path, after in net.parameters.items():
        layer, _, name = path.rpartition(".")
        np.testing.assert_array_equal(recorded[layer].parameters[name].updated, after)


def test_by_hand():
    """W = 0.5, dL/dw = 2: v = 0.9 * 0 + 2 + 0.1 * 0.5 = 2.05, w = 0.5 - 0.1 * 2.05 = 0.295."""
    net = Linear(1, bias=False, name="line").build((1,), dtype="float64")
    net.parameters["line.weight"][...] = 0.5
    optimiser = SGD(net, lr=0.1, momentum=0.9, weight_decay=0.1)
    recorded = trace(net, np.array([2.0]), grad_y=np.array([1.0]), optimiser=optimiser)
    one = recorded.explain("line", "weight.update", (0, 0))
    assert [(step.name, step.expression) for step in one.steps] == [
        ("g", "2 + 0.1 * 0.5"),
        ("v", "0.9 * 0 + 2.05"),
        ("weight", "0.5 - 0.1 * 2.05"),
    ]
    assert one.value == pytest.approx(0.295) and one.note == "Step 1."
    assert one.function.name == "clearconv.ops.update.loops.sgd"
    assert recorded.origin(one.steps[0].factors[0]) == ("line", "grad_weight", (0, 0))


def test_biases_and_frozen_layers_say_so():
    net = model().freeze(2)
    optimiser = SGD(net, lr=0.1, weight_decay=0.5)
    x = images(2)
    recorded = trace(net, x[0], 1, training=True, batch=(x[1:], [0]), optimiser=optimiser)
    assert (
        recorded["conv1"].parameters["weight"].frozen
        and recorded["norm1"].parameters["bias"].frozen
    )
    assert not recorded["linear1"].parameters["bias"].frozen
    frozen = recorded.explain("conv1", "weight.update", (0, 0, 0, 0))
    assert "frozen" in frozen.note and frozen.value == frozen.total
    assert "do not decay" in recorded.explain("linear1", "bias.update", 2).note
    assert "do not decay" not in recorded.explain("linear1", "weight.update", (1, 2)).note
    np.testing.assert_array_equal(recorded["norm1"].saved["mean"], 0)  # as in evaluation


def test_an_optimiser_of_your_own_is_traced_but_not_explained():
    class Signs(SGD):
        def _update(self, value, grad, memory, lr, weight_decay):
            value -= lr * np.sign(grad)

    net = model()
    recorded = trace(net, images(1)[0], 1, optimiser=Signs(net, lr=0.1))
    weight = recorded["linear1"].parameters["weight"]
    np.testing.assert_allclose(weight.updated, weight.value - 0.1 * np.sign(weight.gradient))
    assert "weight.update" not in recorded.quantities("linear1")


LOSSES = {
    "plain": CrossEntropy(),
    "smoothed": CrossEntropy(label_smoothing=0.1),
    "weighted": CrossEntropy(class_weight=(1.0, 2.0, 0.5, 0.0)),
    "both": CrossEntropy(0.2, (1.0, 2.0, 0.5, 3.0)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_adds_up(name, adds_up):
    x = images(3)
    recorded = trace(model(), x[0], 1, batch=(x[1:], [0, 3]), loss=LOSSES[name])
    assert adds_up(recorded, paths=["loss"]) == 1 + 12 + 12
    n, k = 1, 2
    away = 1e-6
    ends = []
    for sign in (1, -1):
        moved = recorded.loss.logits.copy()
        moved[n, k] += sign * away
        ends.append(LOSSES[name](moved, np.array(recorded.loss.labels))[0])
    numeric = (ends[0] - ends[1]) / (2 * away)
    assert recorded.explain("loss", "grad", (n, k)).total == pytest.approx(numeric, abs=1e-8)


def test_a_sure_and_wrong_answer_does_not_overflow():
    net = Linear(2, bias=False, name="line").build((1,), dtype="float64")
    net.parameters["line.weight"][...] = [[1000], [-1000]]
    recorded = trace(net, np.ones(1), 1)
    assert recorded.explain("loss", "value").total == recorded.loss.value == 2000
    assert recorded.explain("loss", "probabilities", (1,)).total == 0
    assert recorded.explain("loss", "grad", (1,)).total == -1
