"""The compiled batch norm: float64's numbers within stated bounds, any memory, any shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remade import channels_last, misaligned, reversed_axes, shifted

from clearconv.ops import batch_norm2d, conv_block
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

EPS = 1e-5
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}

# One wide row and less, channels that fill no vector, several chunks and shards, uneven shards.
SHAPES = [
    (2, 1, 1, 1),
    (3, 1, 37, 29),
    (9, 3, 23, 37),
    (17, 16, 7, 6),
    (5, 19, 33, 35),
    (8, 20, 12, 12),
    (3, 50, 9, 11),
    (1, 257, 5, 13),
    (70, 300, 1, 1),
    (2, 8, 3, 1100),
]


def random(shape, dtype="float32", mean=0.0, seed=0):
    rng = np.random.default_rng(seed)
    C = shape[1]
    return (
        (mean + rng.standard_normal(shape)).astype(dtype),
        *(rng.standard_normal(C).astype(dtype) for _ in range(2)),
        rng.standard_normal(shape).astype(dtype),
    )


def passes(x, weight, bias, grad_y):
    """Mean, variance, y and all gradients, in training."""
    y, saved = batch_norm2d.forward_saving(x, weight, bias, EPS, backend="native")
    grads = batch_norm2d.backward(grad_y, weight, saved, backend="native")
    return saved.mean, saved.var, y, *grads


def column(numbers):
    return np.asarray(numbers, "f8")[:, None, None]


def over_batch(array):
    return array.sum(axis=(0, 2, 3))


def exact(x, weight, bias, grad_y):
    """The same in float64, and how far each result may be off, in units of rounding.

    A sum of a block has at most 24 roundings on the way to a number, the variance as many; the
    rest are those of the few operations on a number itself.
    """
    x, weight, bias, grad = (a.astype("f8") for a in (x, column(weight), column(bias), grad_y))
    count = x.size // x.shape[1]
    mean = over_batch(x) / count
    away = x - column(mean)
    var = over_batch(away**2) / count
    r = 1 / np.sqrt(column(var) + EPS)
    hat = away * r
    grad_weight, grad_bias = over_batch(grad * hat), over_batch(grad)
    rest = grad - column(grad_bias) / count - hat * column(grad_weight) / count
    size = np.abs(hat) + 1
    sizes = over_batch(np.abs(grad) * size)
    through = (column(over_batch(np.abs(grad))) + size * column(sizes)) / count
    return [
        (mean, 32 * np.sqrt(var)),
        (var, 32 * var),
        (weight * hat + bias, 32 * (np.abs(weight) * size + np.abs(bias))),
        (weight * r * rest, 64 * np.abs(weight) * r * (np.abs(grad) + through)),
        (grad_weight, 64 * sizes),
        (grad_bias, 32 * over_batch(np.abs(grad))),
    ]


def assert_within(actual, expected, unit, what):
    for name, a, (e, bound) in zip(
        ("mean", "var", "y", "grad_x", "grad_weight", "grad_bias"), actual, expected, strict=True
    ):
        assert a.shape == e.shape
        # the oracle itself rounds in float64
        slack = unit * bound + 2.0**-46 * (np.abs(e) + 1)
        assert np.all(np.abs(a - e) <= slack), (what, name, np.max(np.abs(a - e) / slack))


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float32_is_within_its_bounds_of_float64(shape, mean):
    """Also at a mean of 10,000 deviations, where a sum of squares would lose every digit."""
    given = random(shape, mean=mean)
    if mean and shape[0] * shape[2] * shape[3] == 2:
        given[0][...] = [[[[mean]]], [[[mean + 1]]]]  # two numbers can come close to each other
    assert_within(passes(*given), exact(*given), UNIT["float32"], shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float64(shape):
    given = random(shape, "float64")
    for a, (e, _) in zip(passes(*given), exact(*given), strict=True):
        assert np.max(np.abs(a - e)) <= 1e-11 * max(1, np.max(np.abs(e)))


def test_the_shift_of_a_gradient_costs_no_accuracy():
    """A gradient with a large mean: batch norm takes it away, and what remains is small."""
    x, weight, bias, grad_y = random((16, 24, 18, 17))
    given = (x, weight, bias, grad_y + np.float32(100))
    assert_within(passes(*given), exact(*given), UNIT["float32"], "grad_y + 100")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_do_not_depend_on_memory(shape):
    given = random(shape)
    expected = passes(*given)
    fixed = (*given[:3], expected[0], expected[1])
    y = batch_norm2d.forward(*fixed, backend="native")
    for remake in (misaligned, channels_last, reversed_axes, shifted):
        for a, b in zip(passes(*map(remake, given)), expected, strict=True):
            np.testing.assert_array_equal(a, b)
        again = batch_norm2d.forward(*map(remake, fixed), backend="native")
        np.testing.assert_array_equal(again, y)


def test_bits_do_not_depend_on_the_number_of_threads():
    before = native.get_threads()
    try:
        for shape in SHAPES:
            native.set_threads(1)
            given = random(shape)
            expected = passes(*given)
            native.set_threads(3)
            for a, b in zip(passes(*given), expected, strict=True):
                np.testing.assert_array_equal(a, b)
    finally:
        native.set_threads(before)


def test_single_gradients_are_those_of_all_at_once():
    x, weight, bias, grad_y = random((5, 19, 13, 15))
    for statistics in ({}, {"mean": np.zeros(19), "var": np.ones(19)}):
        _, saved = batch_norm2d.forward_saving(x, weight, bias, **statistics, backend="native")
        together = batch_norm2d.backward(grad_y, weight, saved, backend="native")
        alone = (
            batch_norm2d.backward_input(grad_y, weight, saved, backend="native"),
            batch_norm2d.backward_weight(grad_y, saved, backend="native"),
            batch_norm2d.backward_bias(grad_y, saved, backend="native"),
        )
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_constant_channel():
    x, weight, bias, _ = random((4, 5, 9, 9))
    x[:, 2] = 0.1
    mean, var, y, *_ = passes(x, weight, bias, x)
    assert mean[2] == np.float32(0.1) and var[2] == 0
    np.testing.assert_array_equal(y[:, 2], bias[2])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_channel(value):
    x, weight, bias, grad_y = random((9, 19, 13, 15))
    x[3, 7, 5, 5] = value
    for result in passes(x, weight, bias, grad_y)[:-1]:
        others = np.delete(result, 7, axis=result.ndim // 4)
        assert np.isfinite(others).all()
    y = batch_norm2d.forward(x, weight, bias, bias, np.ones(19), backend="native")
    assert np.argwhere(~np.isfinite(y)).tolist() == [[3, 7, 5, 5]]
    # x is no part of the gradient where the statistics are constants
    _, saved = batch_norm2d.forward_saving(
        x, weight, bias, mean=bias, var=np.ones(19), backend="native"
    )
    assert np.isfinite(batch_norm2d.backward_input(grad_y, weight, saved, backend="native")).all()


def test_an_empty_batch_in_evaluation():
    x, numbers = np.zeros((0, 5, 4, 4), "f4"), np.ones(5, "f4")
    y, saved = batch_norm2d.forward_saving(
        x, numbers, numbers, mean=numbers, var=numbers, backend="native"
    )
    grads = batch_norm2d.backward(x, numbers, saved, backend="native")
    assert y.shape == grads[0].shape == x.shape
    for grad in grads[1:]:
        np.testing.assert_array_equal(grad, np.zeros(5))


def test_results_are_channels_last():
    _, _, y, grad_x, *_ = passes(*random((2, 3, 9, 8)))
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous and y.flags.writeable
    assert grad_x.transpose(0, 2, 3, 1).flags.c_contiguous


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(
        st.integers(1, 19),
        st.sampled_from([1, 2, 3, 5, 8, 16, 20, 50, 64, 65, 300]),
        st.integers(1, 40),
        st.integers(1, 40),
    ),
    last=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_random_shapes(shape, last, seed):
    N, C, H, W = shape
    given = random((N + (H * W == 1), C, H, W), seed=seed)
    if last:
        given = tuple(map(channels_last, given))
    spread = given[0].astype("f8").var(axis=(0, 2, 3)).min()
    if spread > 1e-3:  # two numbers can come so close that the bounds say little
        assert_within(passes(*given), exact(*given), UNIT["float32"], shape)


# -- the same passes at the end of a residual block


def value(shape, kind, seed):
    """Return an operand and what it stands for, in float64."""
    x, weight, bias, _ = random(shape, seed=seed)
    if kind == "array":
        return x, x.astype("f8")
    _, statistics = batch_norm2d.forward_saving(x, weight, bias, EPS, backend="native")
    relu = kind == "relu"
    stands_for = exact(x, weight, bias, x)[2][0]
    stands_for = np.maximum(stands_for, 0) if relu else stands_for
    return conv_block.Normalised(x, weight, bias, statistics, relu), stands_for


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("second", ["array", "norm", "relu"])
@pytest.mark.parametrize("first", ["array", "norm", "relu"])
@pytest.mark.parametrize("shape", [(9, 3, 23, 37), (5, 19, 12, 13), (3, 64, 8, 8)], ids=str)
def test_addition(shape, first, second, relu):
    x, exact_x = value(shape, first, 1)
    other, exact_other = value(shape, second, 2)
    y = conv_block.add(x, other, relu, backend="native")
    expected = exact_x + exact_other
    expected = np.maximum(expected, 0) if relu else expected
    assert np.max(np.abs(y - expected)) <= 3e-6


@pytest.mark.parametrize("kind", ["norm", "relu"])
def test_a_normalised_value_computed(kind):
    x, expected = value((9, 20, 13, 11), kind, 3)
    assert np.max(np.abs(x.array("native") - expected)) <= 2e-6


def test_relu_keeps_nan():
    x = np.full((2, 3, 4, 4), np.nan, "f4")
    assert np.isnan(conv_block.add(x, x, True, backend="native")).all()


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_sums_behind_a_relu(shape):
    normal, after = value(shape, "relu", 4)
    grad_y = random(shape, seed=5)[3]
    away = normal.x.astype("f8") - column(normal.statistics.mean.astype("f4"))
    near = np.abs(after) < 1e-5  # the gate may fall to either side
    grad_y[near] = 0
    g = np.where(after > 0, grad_y.astype("f8"), 0)
    total, product = native.conv_block.gradient_sums(channels_last(grad_y), normal)
    unit = UNIT["float32"]
    assert np.all(np.abs(total - over_batch(g)) <= 32 * unit * over_batch(np.abs(g)) + 1e-12)
    assert np.all(
        np.abs(product - over_batch(g * away)) <= 32 * unit * over_batch(np.abs(g * away)) + 1e-12
    )


# -- the statistics that a convolution's epilogue measures


@pytest.mark.parametrize("groups", [1, 24])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_of_a_convolution_far_from_zero(dtype, groups):
    """Each channel passes through a filter of 1, so the statistics are those of x."""
    x = channels_last(random((11, 24, 19, 18), dtype, mean=1e4)[0])
    weight = np.ones((24, 1, 1, 1)) if groups == 24 else np.eye(24)[:, :, None, None]
    norm = conv_block.Norm(np.ones(24, dtype), np.zeros(24, dtype))
    y, _ = conv_block.forward_saving(
        x, weight.astype(dtype), groups=groups, norm=norm, backend="native"
    )
    wide = x.astype("f8")
    assert np.max(np.abs(y.statistics.mean - wide.mean(axis=(0, 2, 3)))) <= 1e-7
    assert np.max(np.abs(y.statistics.var / wide.var(axis=(0, 2, 3)) - 1)) <= 1e-6
