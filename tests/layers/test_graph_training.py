"""A graph trains as any model: in parts to the same bits, and with its first nodes frozen."""

import copy

import numpy as np
import pytest
from parts import train, train_whole

from clearconv import (
    SGD,
    Add,
    ArgumentError,
    BatchNorm2d,
    Constant,
    Context,
    Conv2d,
    CrossEntropy,
    Divide,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Join,
    Linear,
    Multiply,
    ReLU,
    Softmax,
    TapeError,
)
from clearconv.train.probe import last_activation

RNG = np.random.default_rng(2)
X = RNG.standard_normal((11, 6, 7, 3)).astype("float32").transpose(0, 3, 1, 2)
LABELS = RNG.integers(0, 4, 11)


def network():
    """Return a graph in which constants meet images in every way in which they can."""
    return Graph(
        ("maps", Conv2d(8, 3, padding=1, bias=False), "x"),
        ("norm", BatchNorm2d(), "maps"),
        ("r", ReLU(), "norm"),
        ("squeezed", GlobalAvgPool2d(), "r"),
        ("gate", Conv2d(8, 1, activation="sigmoid"), "squeezed"),
        ("scaled", Multiply(), "r", "gate"),
        ("offset", Constant((8, 1, 1), 0.3, learnt=True)),
        ("row", Constant((7,), 1.5, learnt=True)),
        ("both", Multiply(), "offset", "row"),
        ("sum", Add(), "scaled", "both"),
        ("quotient", Divide(), "sum", "row"),
        ("beside", Conv2d(8, 1), "quotient"),
        ("end", Add(), "beside", "r"),
        ("relu", ReLU(), "end"),
        ("fixed", Constant((2, 6, 7), 0.1, learnt=True)),
        ("wide", Join(), "fixed", "relu"),
        ("dropped", Dropout(0.2), "wide"),
        ("flat", Flatten(), "dropped"),
        ("logits", Linear(4), "flat"),
    )


@pytest.mark.parametrize("images", [11, 5, 3])
def test_parts_of_a_batch_end_in_the_bits_of_the_whole(images):
    def make():
        return network().build((3, 6, 7), seed=1)

    options = {"lr": 0.05, "momentum": 0.9, "steps": 2}
    loss, state = train_whole(make, CrossEntropy(), X[:images], LABELS[:images], **options)
    for parts in (2, 8):
        found = train(make, CrossEntropy(), X[:images], LABELS[:images], parts, **options)
        for part_loss, part_state in found:
            assert part_loss == loss
            for path, array in state.items():
                np.testing.assert_array_equal(part_state[path], array, err_msg=path)


def test_it_learns():
    model = network().build((3, 6, 7), seed=1)
    optimiser, criterion = SGD(model, lr=0.1, momentum=0.9), CrossEntropy()
    losses = []
    for _ in range(12):
        loss, grad = criterion(model.forward(X, training=True), LABELS)
        model.backward(grad, input_gradient=False)
        optimiser.step()
        losses.append(loss)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("before", ["beside", 11])
def test_frozen_nodes_stay_as_they_are(before):
    model = network().build((3, 6, 7), seed=1).freeze(before)
    start = model.state_dict()
    grads = []
    for keep in ("all", "backward"):
        model.store.grads[...] = 0
        y = model.forward(X, keep=keep, context=Context(training=True))
        model.backward(np.ones_like(y), input_gradient=keep == "all")
        grads.append(model.gradients["beside.weight"].copy())
    np.testing.assert_allclose(*grads, rtol=1e-4, atol=1e-4)
    assert not model.gradients["maps.weight"].any() and not model.gradients["row.value"].any()
    with pytest.raises(TapeError, match="first layers are frozen"):
        model.backward(np.ones_like(model.forward(X, training=True)))
    SGD(model, lr=0.1).step()
    changed = {
        path for path, one in model.state_dict().items() if not np.array_equal(one, start[path])
    }
    names = {link.writes for link in model.links[11:]}
    assert {path.rpartition(".")[0] for path in changed} <= names and "logits.weight" in changed
    assert copy.deepcopy(model).frozen == before
    assert "norm" in str(model.stages())
    model.freeze(0)
    model.backward(np.ones_like(model.forward(X, training=True)))


def test_what_cannot_be_frozen_is_said():
    model = network().build((3, 6, 7))
    for before, message in (("nowhere", "no node of that name"), (20, "19 nodes"), (19, "nothing")):
        with pytest.raises(ArgumentError, match=message):
            model.freeze(before)


def test_what_follows_the_logits_is_found():
    ends = [("softmax", Softmax(), "logits"), ("dropped", Dropout(0.1), "softmax")]
    for end, expected in ((ends, "softmax"), (ends[:0], None)):
        model = Graph(("flat", Flatten(), "x"), ("logits", Linear(4), "flat"), *end)
        found = last_activation(model)
        assert (found and found[0]) == expected


def test_a_frozen_part_is_a_model_of_its_own():
    model = network().build((3, 6, 7), seed=1).freeze("dropped")
    below, above = model.parted()
    assert model.parts_between_stages and above.input_shape == (10, 6, 7)
    kept = below.forward(X)
    assert np.array_equal(above.forward(kept), model.forward(X))
    grads = []
    for one, x in ((model, X), (above, kept)):
        y = one.forward(x, context=Context(training=True))
        one.backward(np.ones_like(y), input_gradient=False)
        grads.append(model.store.grads.copy())
    assert np.array_equal(*grads) and grads[0].any()
    assert not model.freeze("beside").parts_between_stages  # two values go on
    with pytest.raises(ArgumentError, match="more than one value"):
        model.parted()
