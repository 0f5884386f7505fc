"""The compiled fully connected layer: its sums in the stated order, any shape, any memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remade import misaligned, reversed_axes, shifted

from clearconv.ops import linear
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")


def arrays(N, I, O, dtype="float32", seed=5):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((N, I), (O, I), O, (N, O))]


def passes(x, weight, bias, grad_y, backend="native"):
    """Forward and all gradients."""
    return (
        linear.forward(x, weight, bias, backend=backend),
        linear.backward_input(grad_y, weight, backend=backend),
        linear.backward_weight(grad_y, x, backend=backend),
        linear.backward_bias(grad_y, backend=backend),
    )


# -- the order of every sum, told once more in NumPy
#
# The numbers have so few digits that products are exact: so it does not matter whether a multiply
# and an add are fused, and only the order of the additions shows.


def short(*shape, dtype="float32", seed=6):
    rng, bits = np.random.default_rng(seed), 11 if dtype == "float32" else 25
    numbers = rng.integers(-(2**bits), 2**bits, shape) * 4.0 ** rng.integers(-8, 2, shape)
    return numbers.astype(dtype)


def chain(terms):
    """Add up along the first axis, one after the other, from zero."""
    total = np.zeros_like(terms[0])
    for term in terms:
        total = total + term
    return total


def in_chunks(terms, length):
    """Sum chunks from zero, then add them in order."""
    starts = range(0, len(terms), length)
    return chain([chain(terms[start : start + length]) for start in starts])


def tree(parts):
    """Add neighbours, then neighbours of these, until one is left."""
    while len(parts) > 1:
        parts = [sum(parts[i + 1 : i + 2], parts[i]) for i in range(0, len(parts), 2)]
    return parts[0]


def over_batch(terms):
    shards = min(8, len(terms))
    bounds = [len(terms) * s // shards for s in range(shards + 1)]
    return tree([in_chunks(terms[a:b], 1024) for a, b in zip(bounds, bounds[1:], strict=False)])


def folded(lanes):
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


def dot(terms):
    """Sum (K, N, O) along K: 16 lanes (8 for float64), chunks of 512, and the lanes folded."""
    width = 64 // terms.dtype.itemsize
    padded = np.zeros((-len(terms) % width, *terms.shape[1:]), terms.dtype)
    lanes = np.concatenate([terms, padded]).reshape(-1, width, *terms.shape[1:])
    return folded(in_chunks(lanes, 512 // width))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("N", [1, 3, 8, 13, 70])
def test_every_sum_is_taken_in_the_stated_order(N, dtype):
    I, O = 1203, 300
    x, weight, grad_y = (short(*shape, dtype=dtype) for shape in ((N, I), (O, I), (N, O)))
    bias = short(O, dtype=dtype)
    y, grad_x, grad_weight, grad_bias = passes(x, weight, bias, grad_y)
    few = slice(0, 5)
    terms = x.T[:, few, np.newaxis] * weight.T[:, np.newaxis]
    np.testing.assert_array_equal(y[few], dot(terms) + bias)
    terms = weight[:, np.newaxis] * grad_y.T[:, few, np.newaxis]
    np.testing.assert_array_equal(grad_x[few], in_chunks(terms, 128))
    terms = x[:, np.newaxis] * grad_y[:, few, np.newaxis]
    np.testing.assert_array_equal(grad_weight[few], over_batch(terms))
    np.testing.assert_array_equal(grad_bias, over_batch(grad_y))


def test_a_large_batch_is_summed_in_chunks():
    x, grad_y = short(9001, 21), short(9001, 3)
    grad_weight = linear.backward_weight(grad_y, x, backend="native")
    grad_bias = linear.backward_bias(grad_y, backend="native")
    terms = x[:, np.newaxis] * grad_y[:, :, np.newaxis]
    np.testing.assert_array_equal(grad_weight, over_batch(terms))
    np.testing.assert_array_equal(grad_bias, over_batch(grad_y))


def test_bits_do_not_depend_on_the_place_in_the_batch_or_the_layer():
    x, weight, bias, grad_y = arrays(70, 411, 57)
    y, grad_x, grad_weight, grad_bias = passes(x, weight, bias, grad_y)
    for n in (slice(0, 1), slice(5, 12), slice(63, 70)):
        parts = passes(x[n], weight, bias, grad_y[n])
        np.testing.assert_array_equal(parts[0], y[n])
        np.testing.assert_array_equal(parts[1], grad_x[n])
    for o in (slice(0, 3), slice(31, 50)):
        parts = passes(x, weight[o], bias[o], grad_y[:, o])
        np.testing.assert_array_equal(parts[0], y[:, o])
        np.testing.assert_array_equal(parts[2], grad_weight[o])
        np.testing.assert_array_equal(parts[3], grad_bias[o])
    for i in (slice(0, 16), slice(7, 230), slice(400, 411)):
        parts = passes(x[:, i], weight[:, i], bias, grad_y)
        np.testing.assert_array_equal(parts[1], grad_x[:, i])
        np.testing.assert_array_equal(parts[2], grad_weight[:, i])


def test_long_sums_stay_near_those_in_float64():
    """The worst case: each rounding of a running sum is at most 2**-24 of the sum of all terms."""
    rng = np.random.default_rng(7)
    x, weight, grad_y = (
        (rng.standard_normal(shape) * 0.5 + 1).astype("f4")
        for shape in ((3, 25088), (4, 25088), (3, 4))
    )
    y = linear.forward(x, weight, backend="native")
    _near(y, x, weight.T, 512 / 16 + 25088 / 512 + 4)
    grad_x = linear.backward_input(y, weight, backend="native")
    _near(grad_x, y, weight, 4)
    wide = weight.reshape(-1, 4)  # 25,088 outputs
    many = (rng.standard_normal((3, 25088)) * 0.5 + 1).astype("f4")
    _near(linear.backward_input(many, wide, backend="native"), many, wide, 128 + 25088 / 128)
    samples, grads = (
        (rng.standard_normal((131072, width)) * 0.5 + 1).astype("f4") for width in (5, 3)
    )
    roundings = 1024 + 131072 / 8 / 1024 + 3
    grad_weight = linear.backward_weight(grads, samples, backend="native")
    _near(grad_weight, grads.T, samples, roundings)
    grad_bias = linear.backward_bias(grads, backend="native")
    _near(grad_bias, np.ones(131072, "f4"), grads, roundings)


def _near(actual, a, b, roundings):
    a, b = a.astype("f8"), b.astype("f8")
    error = np.abs(actual - a @ b) / (np.abs(a) @ np.abs(b))
    assert error.max() <= roundings * 2.0**-24


# -- memory


@pytest.mark.parametrize("remake", [misaligned, np.asfortranarray, reversed_axes, shifted])
@pytest.mark.parametrize("sizes", [(70, 411, 57), (5, 64, 10), (9, 1, 1), (1, 7, 3)])
def test_bits_do_not_depend_on_memory(sizes, remake):
    made = arrays(*sizes)
    expected = passes(*made)
    for actual, wanted in zip(passes(*(remake(a) for a in made)), expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_a_repeated_sample():
    x, weight, bias, _ = arrays(1, 50, 4)
    y = linear.forward(np.broadcast_to(x, (6, 50)), weight, bias, backend="native")
    np.testing.assert_array_equal(y, np.repeat(linear.forward(x, weight, bias), 6, axis=0))


def test_an_empty_batch():
    x, weight, bias, grad_y = arrays(0, 7, 3)
    y, grad_x, grad_weight, grad_bias = passes(x, weight, bias, grad_y)
    assert y.shape == (0, 3) and grad_x.shape == (0, 7)
    np.testing.assert_array_equal(grad_weight, np.zeros((3, 7)))
    np.testing.assert_array_equal(grad_bias, np.zeros(3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_exactly_its_outputs(value):
    x, weight, bias, grad_y = arrays(21, 43, 19)
    x[20, 42] = grad_y[3, 18] = value
    y, grad_x, grad_weight, grad_bias = passes(x, weight, bias, grad_y)
    assert np.array_equal(*np.broadcast_arrays(~np.isfinite(y), np.arange(21)[:, None] == 20))
    assert np.array_equal(*np.broadcast_arrays(~np.isfinite(grad_x), np.arange(21)[:, None] == 3))
    touched = (np.arange(19)[:, None] == 18) | (np.arange(43) == 42)
    np.testing.assert_array_equal(~np.isfinite(grad_weight), touched)
    np.testing.assert_array_equal(~np.isfinite(grad_bias), np.arange(19) == 18)


# -- shapes

sizes = st.one_of(st.integers(1, 20), st.integers(1, 150), st.just(600))


@settings(max_examples=80, deadline=None)
@given(N=sizes, I=sizes, O=sizes, dtype=st.sampled_from(["float32", "float64"]))
def test_random_shapes_agree_with_matrix(N, I, O, dtype):
    made = arrays(N, I, O, dtype)
    tolerance = 2e-5 if dtype == "float32" else 1e-13
    for actual, wanted in zip(passes(*made), passes(*made, backend="matrix"), strict=True):
        assert actual.shape == wanted.shape and actual.dtype == dtype
        assert actual.flags.c_contiguous and actual.flags.writeable
        assert np.abs(actual - wanted).max() <= tolerance * max(1.0, float(np.abs(wanted).max()))


def test_arrays_that_do_not_fit_are_refused_by_the_module_itself():
    x, weight, bias, grad_y = arrays(2, 5, 3)
    for call in (
        lambda: native.linear.forward(x[:, :4], weight, None),
        lambda: native.linear.forward(x, weight, bias[:2]),
        lambda: native.linear.forward(x[0], weight, None),
        lambda: native.linear.backward_input(grad_y[:, :2], weight),
        lambda: native.linear.backward_weight(grad_y[:1], x),
        lambda: native.linear.backward_bias(grad_y[0]),
    ):
        with pytest.raises(ValueError, match="do not fit"):
            call()
    with pytest.raises(TypeError, match="dtypes differ"):
        native.linear.forward(x, weight.astype("f8"), None)
    with pytest.raises(TypeError, match="dtypes differ"):
        native.linear.forward(x, weight, bias.astype("f8"))
    with pytest.raises(TypeError, match="float32 or float64"):
        native.linear.backward_bias(grad_y.astype(">f4"))
