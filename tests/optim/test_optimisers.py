"""Steps of the optimisers worked by hand: weights decay, biases do not."""

import numpy as np
import pytest

from clearconv import SGD, Adam, AdamW, Linear
from clearconv.errors import ArgumentError, ModelFileError, ShapeError

# y = w·x + b with w = (2, -4), b = 3. For x = (1, -2) and dL/dy = 1: dL/dw = (1, -2), dL/db = 1.
X = np.array([[1.0, -2.0]])


def model():
    made = Linear(1).build((2,), dtype="float64")
    made.load_state_dict({"weight": np.array([[2.0, -4.0]]), "bias": np.array([3.0])})
    return made


def stepped(optimiser, made, steps=1, lr=None):
    """Take steps along that gradient, which does not depend on the parameters."""
    for _ in range(steps):
        made.forward(X, training=True)
        made.backward(np.array([[1.0]]))
        optimiser.step(lr)
    return [*made.parameters["weight"][0], made.parameters["bias"][0]]


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_sgd():
    made = model()
    # w - 0.1 g: 2 - 0.1, -4 + 0.2, 3 - 0.1
    close(stepped(SGD(made, lr=0.1), made), [1.9, -3.8, 2.9])


def test_a_steps_own_learning_rate():
    made = model()
    close(stepped(SGD(made, lr=0.1), made, lr=0.5), [1.5, -3.0, 2.5])
    assert stepped(SGD(made, lr=0.1), made, lr=0.0) == [1.5, -3.0, 2.5]


def test_weights_decay_and_biases_do_not():
    made = model()
    # g + 0.5 w = (1 + 1, -2 - 2) = (2, -4) for the weights; 1 for the bias
    close(stepped(SGD(made, lr=0.1, weight_decay=0.5), made), [1.8, -3.6, 2.9])


def test_sgd_with_momentum():
    made = model()
    # v = g, then 0.5 g + g: in two steps w - 0.1 (1 + 1.5) g = w - 0.25 g
    close(stepped(SGD(made, lr=0.1, momentum=0.5), made, 2), [1.75, -3.5, 2.75])


def test_sgd_with_momentum_and_decay():
    made = model()
    # step 1: g = (1 + 1, -2 - 2, 1) = (2, -4, 1) = v; parameters (1.8, -3.6, 2.9)
    # step 2: g = (1 + 0.9, -2 - 1.8, 1) = (1.9, -3.8, 1); v = v/2 + g = (2.9, -5.8, 1.5)
    #         parameters 1.8 - 0.29, -3.6 + 0.58, 2.9 - 0.15
    optimiser = SGD(made, lr=0.1, momentum=0.5, weight_decay=0.5)
    close(stepped(optimiser, made, 2), [1.51, -3.02, 2.75])


def test_sgd_looks_ahead():
    made = model()
    # v = g; w - 0.1 (g + 0.5 v) = w - 0.15 g; then v = 1.5 g; w - 0.1 (g + 0.75 g) = w - 0.175 g
    optimiser = SGD(made, lr=0.1, momentum=0.5, nesterov=True)
    close(stepped(optimiser, made), [1.85, -3.7, 2.85])
    close(stepped(optimiser, made), [1.675, -3.35, 2.675])


# With eps = 1 Adam's first step is lr · g / (|g| + 1), since m / (1 - β1) = g and
# s / (1 - β2) = g².


def test_adam():
    made = model()
    # weights 2 - 0.1 · 1/2, -4 + 0.1 · 2/3; bias 3 - 0.1 · 1/2
    close(stepped(Adam(made, lr=0.1, eps=1.0), made), [1.95, -4 + 0.2 / 3, 2.95])


def test_adams_second_step():
    made = model()
    # betas 0.5 and 0.75, gradients g, then 3 g:
    # m = 0.5 · 0.5 g + 0.5 · 3 g = 1.75 g, over 1 - 0.25: 7/3 g
    # s = 0.75 · 0.25 g² + 0.25 · 9 g² = 2.4375 g², over 1 - 0.5625: 39/7 g²
    optimiser = Adam(made, lr=0.1, betas=(0.5, 0.75), eps=1.0)
    first = np.array(stepped(optimiser, made))
    made.forward(X, training=True)
    made.backward(np.array([[3.0]]))
    optimiser.step()
    g = np.array([1.0, -2.0, 1.0])
    wanted = first - 0.1 * (7 / 3 * g) / (np.sqrt(39 / 7) * np.abs(g) + 1)
    close([*made.parameters["weight"][0], made.parameters["bias"][0]], wanted)


def test_adam_adds_the_decay_to_the_gradient():
    made = model()
    # g + 0.5 w = (2, -4), and 1 for the bias: 2 - 0.1 · 2/3, -4 + 0.1 · 4/5, 3 - 0.1 · 1/2
    found = stepped(Adam(made, lr=0.1, eps=1.0, weight_decay=0.5), made)
    close(found, [2 - 0.2 / 3, -3.92, 2.95])


def test_adamw_shrinks_the_weight_itself():
    made = model()
    # weights (1 - 0.1 · 0.5) w = (1.9, -3.8), then Adam's step of the bare gradient:
    # 1.9 - 0.1 · 1/2, -3.8 + 0.1 · 2/3; bias 3 - 0.1 · 1/2
    found = stepped(AdamW(made, lr=0.1, eps=1.0, weight_decay=0.5), made)
    close(found, [1.85, -3.8 + 0.2 / 3, 2.95])


def test_adamw_decays_unless_told_otherwise():
    made = model()
    # weights (1 - 0.1 · 0.01) w = (1.998, -3.996)
    close(stepped(AdamW(made, lr=0.1, eps=1.0), made), [1.948, -3.996 + 0.2 / 3, 2.95])


# -- state -----------------------------------------------------------------------------------------

KINDS = {
    "sgd": lambda made: SGD(made, 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda made: SGD(made, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda made: Adam(made, 0.1, weight_decay=0.01),
    "adamw": lambda made: AdamW(made, 0.1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_optimiser_goes_on_to_the_bit(kind):
    through, made = model(), model()
    stepped(KINDS[kind](through), through, 5)
    before = KINDS[kind](made)
    stepped(before, made, 3)
    state = before.state()
    kept = {name: array.copy() for name, array in state.items()}
    again = model()
    again.load_state_dict(made.state_dict())
    after = KINDS[kind](again)
    after.load_state(state)
    assert after.steps == 3
    stepped(after, again, 2)
    assert again.store.fingerprint() == through.store.fingerprint()
    for name, array in kept.items():  # what was handed out and taken in are copies
        np.testing.assert_array_equal(state[name], array)


def test_a_state_of_another_optimiser_or_model():
    made = model()
    optimiser = AdamW(made)
    stepped(optimiser, made, 2)
    before = optimiser.state()
    wider = AdamW(Linear(2).build((2,), dtype="float64"))
    for state in (SGD(made).state(), wider.state(), {}, {**before, "more": np.zeros(1)}):
        with pytest.raises(ModelFileError, match="AdamW needs.*another optimiser or model"):
            optimiser.load_state(state)
    assert optimiser.steps == 2
    for name, array in optimiser.state().items():
        np.testing.assert_array_equal(array, before[name])


# -- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_what_is_no_built_model(kind):
    with pytest.raises(ArgumentError, match=rf"model is a dict.*Write {kind.__name__}\(model, lr"):
        kind(model().parameters)
    with pytest.raises(ShapeError, match=r"not built yet. Call model\.build"):
        kind(Linear(1))
    for name in ("lr", "weight_decay"):
        with pytest.raises(ArgumentError, match=f"{kind.__name__}: {name}=-1.*at least 0"):
            kind(model(), **{name: -1})


def test_settings_of_sgd():
    with pytest.raises(ArgumentError, match="momentum=1"):
        SGD(model(), momentum=1)
    with pytest.raises(ArgumentError, match=r"nesterov=True needs a momentum"):
        SGD(model(), nesterov=True)
