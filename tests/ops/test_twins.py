"""Every telling of every chapter agrees, forward and in each gradient, on the chapter's cases."""

import itertools

import numpy as np
import pytest

from clearconv import ops
from clearconv.ops.tellings import available

# float32 sums of a few hundred products; float64 leaves only rounding in another order.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}

CASES = [(chapter, case) for chapter in ops.CHAPTERS for case in chapter.cases]
IDS = [f"{chapter.name}: {case.name}" for chapter, case in CASES]


def assert_close(actual, expected, tolerance, what):
    assert actual.shape == expected.shape, what
    assert actual.dtype == expected.dtype, what
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    worst = float(np.max(np.abs(actual - expected), initial=0))
    assert worst <= tolerance * scale, f"{what}: differs by {worst}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("chapter", "case"), CASES, ids=IDS)
def test_tellings_agree_and_follow_each_other(chapter, case, dtype):
    inputs = case.arrays(dtype)
    tellings = available(chapter.name, case)
    runs = {name: chapter.run(inputs, case.options, name) for name in tellings}
    y, backward = runs["loops"]
    assert y.dtype == dtype
    grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    expected = backward(grad_y, "loops")
    for name in tellings:
        assert_close(runs[name][0], y, TOLERANCE[dtype], f"{name} forward")
    for first, second in itertools.product(tellings, tellings):
        grads = runs[first][1](grad_y, second)
        assert grads.keys() == expected.keys()
        for key, grad in grads.items():
            what = f"{first} forward, {second} backward: grad_{key}"
            assert grad.shape == inputs[key].shape
            assert_close(grad, expected[key], TOLERANCE[dtype], what)


@pytest.mark.parametrize(("chapter", "case"), CASES, ids=IDS)
def test_gradient_against_central_differences(chapter, case):
    """Float64, along random directions of every input: error by maximum, not by mean."""
    inputs = case.arrays()
    rng = np.random.default_rng(2)
    y, backward = chapter.run(inputs, case.options, None)
    grad_y = rng.standard_normal(y.shape)
    grads = backward(grad_y, None)
    assert grads.keys() <= inputs.keys()
    step = 1e-6
    for key, grad in grads.items():
        for _ in range(3):
            way = rng.standard_normal(inputs[key].shape)
            ends = []
            for sign in (1, -1):
                moved = {**inputs, key: inputs[key] + sign * step * way}
                ends.append(float(np.sum(chapter.run(moved, case.options, None)[0] * grad_y)))
            numeric = (ends[0] - ends[1]) / (2 * step)
            exact = float(np.sum(grad * way))
            assert abs(numeric - exact) <= 1e-6 * max(1.0, abs(exact)), (key, numeric, exact)


@pytest.mark.parametrize(("chapter", "case"), CASES, ids=IDS)
def test_any_memory_layout(chapter, case):
    """Channels-last, reversed and read-only inputs give what contiguous ones give."""
    inputs = case.arrays("float32")
    for telling in available(chapter.name, case):
        y, backward = chapter.run(inputs, case.options, telling)
        grad_y = np.random.default_rng(1).standard_normal(y.shape).astype("float32")
        grads = backward(grad_y, telling)
        odd = {key: _odd(array) for key, array in inputs.items()}
        odd_y, odd_backward = chapter.run(odd, case.options, telling)
        assert_close(odd_y, y, 2e-5, f"{telling} forward")
        for key, grad in odd_backward(_odd(grad_y), telling).items():
            assert_close(grad, grads[key], 2e-5, f"{telling} grad_{key}")


def _odd(array):
    """Return the same numbers: last axis reversed in memory, axes in another order, read-only."""
    flipped = np.asfortranarray(array[..., ::-1])[..., ::-1] if array.ndim else array
    flipped.flags.writeable = False
    return flipped
