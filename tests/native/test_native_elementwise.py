"""The compiled chapters that work number by number or row by row: accuracy, any memory, edges.

That their bits depend on nothing but the numbers is in test_bits.py.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.ops import activation, cross_entropy, dropout, softmax, squared_error
from clearconv.ops.dropout import DropoutKey
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

DTYPES = ["float32", "float64"]
KINDS = [kind for kind in activation.KINDS if kind != "identity"]


def in_last_places(actual, exact):
    """Return the largest error, in units of the last place of the dtype of `actual`."""
    unit = np.spacing(np.abs(exact).astype(actual.dtype)).astype(exact.dtype)
    return float(np.max(np.abs(actual.astype(exact.dtype) - exact) / unit))


def everywhere(dtype, largest):
    """Many numbers of every size, near 0 and up to `largest`."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            rng.uniform(-largest, largest, 200_000),
            rng.standard_normal(200_000),
            np.exp(rng.uniform(-60, 3, 200_000)) * rng.choice([-1, 1], 200_000),
        ]
    ).astype(dtype)


# -- the exponential function


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 87), ("float64", 708)])
def test_sigmoid_and_tanh_to_the_last_places(dtype, largest):
    x = everywhere(dtype, largest)
    exact = x.astype(np.float64 if dtype == "float32" else np.longdouble)
    y = activation.forward(x, "sigmoid", backend="native")
    assert in_last_places(y, 1 / (1 + np.exp(-exact))) < 3
    y = activation.forward(x, "tanh", backend="native")
    assert in_last_places(y, np.tanh(exact)) < 3


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 87), ("float64", 708)])
def test_exp_to_the_last_places(dtype, largest):
    """Beside a score of 0 one of -d gets e^-d / (1 + e^-d), which is e^-d for large d."""
    d = np.random.default_rng(1).uniform(40, largest, 100_000).astype(dtype)
    rows = np.stack([np.zeros_like(d), -d], axis=1)  # (samples, 2)
    y = softmax.forward(rows, backend="native")
    exact = np.exp(-d.astype(np.float64 if dtype == "float32" else np.longdouble))
    assert in_last_places(y[:, 1], exact) < 2
    assert np.all(y[:, 0] == 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_of_sigmoid_and_tanh(dtype):
    top = np.finfo(dtype).max
    x = np.array([-np.inf, -top, -1e4, 0, 1e4, top, np.inf, np.nan], dtype=dtype)
    wanted = {"sigmoid": [0, 0, 0, 0.5, 1, 1, 1], "tanh": [-1, -1, -1, 0, 1, 1, 1]}
    for kind, values in wanted.items():
        y = activation.forward(x, kind, backend="native")
        assert y[:-1].tolist() == values and np.isnan(y[-1]), kind


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_ends_in_zero_without_a_jump(dtype):
    """Around where e^-x leaves the range, results only fall, to 0."""
    end = math.log(np.finfo(dtype).max)
    x = np.linspace(-end + 2, -end - 2, 4001).astype(dtype)
    y = activation.forward(x, "sigmoid", backend="native")
    assert np.all(np.diff(y) <= 0) and y[0] > 0 and y[-1] == 0


# -- any memory


def random_view(data, dtype):
    """Draw an array of up to six axes, its axes in any order, cut, reversed, or misaligned."""
    shape = data.draw(st.lists(st.integers(1, 5), max_size=6), label="shape")
    order = data.draw(st.permutations(range(len(shape))), label="order")
    cuts = [
        data.draw(st.sampled_from([slice(None), slice(None, None, -1), slice(1, None, 2)]))
        for _ in shape
    ]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    memory = rng.standard_normal(shape).astype(dtype)
    if data.draw(st.booleans(), label="misaligned"):
        raw = np.empty(memory.nbytes + 1, np.uint8)[1:].view(dtype).reshape(memory.shape)
        raw[...] = memory
        memory = raw
    view = memory.transpose(order)[(*cuts, ...)]
    view.flags.writeable = False
    return view


def lies_like(result, x):
    """Whether it lies in memory as NumPy's own result would; an axis of one lies anyhow."""
    pairs = zip(result.strides, np.empty_like(x).strides, x.shape, strict=True)
    return x.size == 0 or all(a == b for a, b, length in pairs if length > 1)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), kind=st.sampled_from(KINDS))
def test_any_view_gives_what_matrix_gives_and_keeps_its_layout(data, dtype, kind):
    x, other = random_view(data, dtype), random_view(data, dtype)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-13}
    y, saved = activation.forward_saving(x, kind, backend="native")
    np.testing.assert_allclose(y, activation.forward(x, kind, backend="matrix"), **tolerance)
    assert lies_like(y, x)
    grad_y = np.resize(other, x.shape) if other.size else np.ones_like(x)
    grad_x = activation.backward_input(grad_y, saved, backend="native")
    wanted = activation.backward_input(grad_y, saved, backend="matrix")
    np.testing.assert_allclose(grad_x, wanted, **tolerance)
    loss, away = squared_error.forward_saving(x, grad_y, "sum", backend="native")
    np.testing.assert_allclose(away.difference, x - grad_y, **tolerance)
    np.testing.assert_allclose(loss, np.sum(np.square(x - grad_y), dtype="f8"), rtol=1e-5)
    doubled = squared_error.backward_input(away, backend="native")
    np.testing.assert_array_equal(doubled, 2 * away.difference)
    if x.ndim:
        key = DropoutKey(0, "d", 0, 0, range(len(x)))
        kept = dropout.mask(x.shape, 0.3, key, backend="loops")
        np.testing.assert_array_equal(native.dropout.mask(x.shape, 0.3, key), kept)
        scaled = native.dropout.scale(x, kept, 0.3)
        np.testing.assert_allclose(scaled, np.where(kept, x / 0.7, 0), **tolerance)
        assert lies_like(scaled, x)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_has_the_bits_it_has_in_the_whole(kind):
    """Number by number: where an array is cut, and what fills its last vector, must not show."""
    x = np.random.default_rng(2).standard_normal(70_001).astype("f4")
    whole = activation.forward(x, kind, backend="native")
    for first, end in [(0, 1), (3, 20), (32_760, 32_775), (1, 70_001), (69_990, 70_001)]:
        part = activation.forward(x[first:end], kind, backend="native")
        assert part.tobytes() == whole[first:end].tobytes()


def test_no_numbers():
    for shape in [(0,), (3, 0), (0, 4)]:
        x = np.zeros(shape, "f4")
        y, saved = activation.forward_saving(x, "sigmoid", backend="native")
        assert y.shape == activation.backward_input(x, saved, backend="native").shape == shape
        assert squared_error.forward(x, x, "sum", backend="native") == 0
    assert softmax.forward(np.zeros((0, 4), "f4"), backend="native").shape == (0, 4)
    nobody = DropoutKey(0, "d", 0, 0, ())
    assert dropout.mask((0, 5), 0.5, nobody, backend="native").shape == (0, 5)
    empty = dropout.mask((2, 0), 0.5, DropoutKey(0, "d", 0, 0, (1, 2)), backend="native")
    assert empty.shape == (2, 0)


# -- what is selected is not multiplied


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_infinite_gradient_stops_at_a_closed_relu(dtype):
    y = np.array([0, 0, 2, np.nan], dtype=dtype)
    grad_y = np.array([np.inf, np.nan, np.inf, 1], dtype=dtype)
    for kind in ("relu", "relu6"):
        grad_x = native.activation.backward_input(grad_y, y, kind, 0.0)
        assert grad_x.tolist() == [0, 0, np.inf, 0]
    for kind in ("hardsigmoid", "hardswish"):
        grad_x = native.activation.backward_input(grad_y, y - 4, kind, 0.0)  # of x
        assert grad_x[:2].tolist() == [0, 0], kind


def test_what_is_dropped_is_zero_whatever_it_was():
    x = np.array([[np.nan, np.inf, 3.0]])
    assert native.dropout.scale(x, np.array([[False, False, True]]), 0.5).tolist() == [[0, 0, 6]]


# -- masks


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1 - 2**-24, 1 - 1e-12])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 8), (3, 2, 5, 3), (5,), (2, 20_003)])
def test_masks_are_those_of_the_named_streams(shape, p):
    key = DropoutKey(3, "a", 1, 2, np.arange(shape[0]) + 10)
    kept = dropout.mask(shape, p, key, backend="native")
    assert kept.dtype == bool and kept.flags.c_contiguous
    np.testing.assert_array_equal(kept, dropout.mask(shape, p, key, backend="matrix"))


# -- rows


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [1, 2, 10, 15, 16, 17, 33, 130, 1000])
@pytest.mark.parametrize("N", [1, 7, 16, 50])
def test_rows_against_float64(N, K, dtype):
    rng = np.random.default_rng(3)
    x, grad_y = (4 * rng.standard_normal((2, N, K))).astype(dtype)
    target = rng.dirichlet(np.ones(K), N).astype(dtype)
    factors = rng.standard_normal(N).astype(dtype)
    x8, grad8, target8, factors8 = (a.astype("f8") for a in (x, grad_y, target, factors))
    power = np.exp(x8 - x8.max(axis=1, keepdims=True))
    p = power / power.sum(axis=1, keepdims=True)
    bound = 4e-6 if dtype == "float32" else 1e-14

    y = native.softmax.forward(x)
    assert np.max(np.abs(y / p - 1)) < bound
    grad_x = native.softmax.backward_input(grad_y, y)
    wanted = p * (grad8 - (grad8 * p).sum(axis=1, keepdims=True))
    assert np.max(np.abs(grad_x - wanted)) < bound * 16

    losses, y = native.cross_entropy.forward(x, target)
    assert np.max(np.abs(y / p - 1)) < bound
    np.testing.assert_allclose(losses, -(target8 * np.log(p)).sum(axis=1), rtol=bound)
    grad_x = native.cross_entropy.backward_input(y, target, factors)
    wanted = factors8[:, None] * (p * target8.sum(axis=1, keepdims=True) - target8)
    assert np.max(np.abs(grad_x - wanted)) < bound


@pytest.mark.parametrize("row", [0, 4, 17])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_broken_row_is_broken_alone(bad, row):
    x = np.random.default_rng(4).standard_normal((18, 21)).astype("f4")
    good = softmax.forward(x, backend="native")
    x[row, 5] = bad
    y = softmax.forward(x, backend="native")
    assert np.array_equal(np.isnan(y), np.isnan(softmax.forward(x, backend="matrix")))
    assert np.isnan(y[row]).any()
    np.testing.assert_array_equal(np.delete(y, row, 0), np.delete(good, row, 0))


def test_a_class_that_cannot_be_gets_nothing():
    x = np.array([[0, -np.inf, 0]], "f4")
    assert softmax.forward(x, backend="native").tolist() == [[0.5, 0, 0.5]]


def test_the_loss_of_many_samples_is_exact():
    rng = np.random.default_rng(5)
    x, target = rng.standard_normal((2, 37, 5003)).astype("f4")
    away = (x - target).astype("f8")
    wanted = math.fsum((away * away).ravel())
    assert native.squared_error.total(x - target) == pytest.approx(wanted, rel=1e-14)
    labels = rng.integers(0, 5, 37)
    loss = cross_entropy.forward(x[:, :5].astype("f8"), labels, backend="native")
    matrix = cross_entropy.forward(x[:, :5].astype("f8"), labels, backend="matrix")
    assert loss == pytest.approx(matrix, rel=1e-14)


# -- refusals


def test_what_does_not_fit_is_refused_by_the_module_itself():
    x, y = np.zeros((2, 3), "f4"), np.zeros((2, 4), "f4")
    with pytest.raises(ValueError, match="do not fit"):
        native.activation.backward_input(x, y, "relu", 0.0)
    with pytest.raises(ValueError, match="kind must be"):
        native.activation.forward(x, "swish", 0.0)
    with pytest.raises(TypeError, match="dtypes differ"):
        native.squared_error.difference(x, x.astype("f8"))
    with pytest.raises(TypeError, match="float32 or float64"):
        native.softmax.forward(x.astype(">f4"))
    with pytest.raises(TypeError, match="bool"):
        native.dropout.scale(x, x, 0.5)
    with pytest.raises(ValueError, match="do not fit"):
        native.softmax.forward(np.zeros((2, 0), "f4"))
    with pytest.raises(ValueError, match="do not fit"):
        native.cross_entropy.backward_input(x, x, np.zeros(3, "f4"))
    with pytest.raises(ValueError, match="do not fit"):
        native.dropout.mask((2, -1), 0.5, DropoutKey(0, "d", 0, 0, (0, 1)))
    with pytest.raises(ValueError, match="do not fit"):
        native.dropout.mask((2, 1), 0.5, DropoutKey(0, "d", 0, 0, (0,)))


def test_a_result_too_large_for_any_memory_is_refused():
    with pytest.raises(MemoryError):
        native.dropout.mask((1, 2**40, 2**40), 0.5, DropoutKey(0, "d", 0, 0, (0,)))
