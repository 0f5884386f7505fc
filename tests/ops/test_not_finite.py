"""NaN and infinity: every telling lets them through at the same places, and stops them at the same.

Where a function is flat, or a unit is dropped, or another pixel won, nothing passes back: 0 is
chosen, not multiplied. Where a number has a part in a result, its NaN has one too.
"""

import numpy as np
import pytest

from clearconv import ops
from clearconv.ops import activation, dropout, max_pool2d
from clearconv.ops.tellings import available

CHAPTERS = {chapter.name: chapter for chapter in ops.CHAPTERS}
#: Those whose results are chosen or averaged; of long sums only the finite part is compared.
CHOSEN = (
    "activation", "adaptive_avg_pool2d", "avg_pool2d", "dropout", "global_avg_pool2d", "max_pool2d",
    "upsample2d",
)  # fmt: skip
ODD = (np.nan, np.inf, -np.inf)
CASES = [(CHAPTERS[name], case) for name in CHOSEN for case in CHAPTERS[name].cases]
TELLINGS = ("loops", "matrix", "native")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def spoilt(array, value):
    """Put the value at three places."""
    array = array.copy()
    rng = np.random.default_rng(4)
    array.flat[rng.integers(array.size, size=min(3, array.size))] = value
    return array


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(("chapter", "case"), CASES, ids=lambda one: getattr(one, "name", None))
def test_tellings_agree_on_what_is_not_finite(chapter, case, value):
    inputs = case.arrays("float64")
    for key in (None, *inputs):
        given = inputs if key is None else {**inputs, key: spoilt(inputs[key], value)}
        runs = {name: chapter.run(given, case.options, name) for name in available(chapter.name)}
        y = runs["loops"][0]
        grad_y = np.random.default_rng(1).standard_normal(y.shape)
        grad_y = spoilt(grad_y, value) if key is None else grad_y
        expected = runs["loops"][1](grad_y, "loops")
        for name, (result, backward) in runs.items():
            np.testing.assert_allclose(result, y, rtol=1e-9, atol=1e-9, err_msg=name)
            for which, grad in backward(grad_y, name).items():
                np.testing.assert_allclose(
                    grad, expected[which], rtol=1e-9, atol=1e-9, err_msg=f"{name} grad_{which}"
                )


@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize(
    ("kind", "flat", "bent"),
    [
        ("relu", (-1.0, 0.0), (1.0,)),
        ("relu6", (-1.0, 0.0, 6.0, 7.0), (3.0,)),
        ("hardsigmoid", (-4.0, -3.0, 3.0, 4.0), (0.0,)),
        ("hardswish", (-4.0, -3.0), (0.0, 3.0, 4.0)),
    ],
)
def test_nothing_passes_where_an_activation_is_flat(telling, kind, flat, bent):
    if telling not in available("activation"):
        pytest.skip("not compiled")
    x = np.array([*flat, *bent])
    for value in ODD:
        _, saved = activation.forward_saving(x, kind, backend=telling)
        grad = activation.backward_input(np.full(x.shape, value), saved, backend=telling)
        assert grad[: len(flat)].tolist() == [0.0] * len(flat)
        assert not np.isfinite(grad[len(flat) :]).any()


@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize("kind", activation.KINDS)
def test_a_nan_that_comes_in_is_not_hidden(telling, kind):
    if telling not in available("activation"):
        pytest.skip("not compiled")
    y = activation.forward(np.array([1.0, np.nan, -1.0]), kind, backend=telling)
    assert np.isnan(y).tolist() == [False, True, False]


@pytest.mark.parametrize("telling", TELLINGS)
def test_nothing_passes_a_dropped_unit_and_only_the_winner_of_a_window(telling):
    if telling not in available("dropout"):
        pytest.skip("not compiled")
    key = dropout.DropoutKey(0, "dropout", 1, 0, (0,))
    x = np.ones((1, 64))
    y, saved = dropout.forward_saving(x, 0.5, key, backend=telling)
    grad = dropout.backward_input(np.full(x.shape, np.nan), saved, backend=telling)
    assert (np.isnan(grad) == (y > 0)).all() and (grad[y == 0] == 0).all()
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    _, won = max_pool2d.forward_saving(x, 2, backend=telling)
    grad = max_pool2d.backward_input(np.full((1, 1, 1, 1), np.inf), won, backend=telling)
    assert grad.ravel().tolist() == [0.0, 0.0, 0.0, np.inf]
