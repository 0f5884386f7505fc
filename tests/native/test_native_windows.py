"""The compiled poolings and im2col: any window, any memory, any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remade import channels_last, misaligned, reversed_axes

from clearconv.ops import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, im2col
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def passes(operation, x, options, backend="native", remake=lambda array: array):
    """y and grad_x, of x and grad_y as `remake` lays them out."""
    y = operation.forward(remake(x), **options, backend=backend)
    grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    return y, operation.backward_input(remake(grad_y), x.shape, **options, backend=backend)


def assert_close(actual, wanted):
    assert actual.shape == wanted.shape and actual.dtype == wanted.dtype
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    assert np.abs(actual - wanted).max(initial=0) <= TOLERANCE[str(wanted.dtype)] * scale


def normal(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@st.composite
def windows(draw, pooling):
    """Draw H, W and the options of a window that fits."""
    pairs = [draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (4, 4, 3)]
    kernel, stride, dilation = pairs
    sides = st.integers(0, 4)
    padding = draw(st.tuples(st.tuples(sides, sides), st.tuples(sides, sides)))
    size = [
        max(1, dilation[a] * (kernel[a] - 1) + 1 - sum(padding[a])) + draw(st.integers(0, 6))
        for a in (0, 1)
    ]
    options = dict(kernel_size=kernel, stride=stride, dilation=dilation, padding=padding)
    if pooling:
        options["ceil_mode"] = draw(st.booleans())
        narrow = all(
            p <= (k - 1) * d for p, k, d in zip(map(max, padding), kernel, dilation, strict=True)
        )
        meets = narrow and all(d <= s for d, s in zip(dilation, size, strict=True))
        options["count_include_pad"] = not meets or draw(st.booleans())
    return size, options


many = settings(max_examples=120, deadline=None)
batches = st.integers(0, 3)
channels = st.sampled_from([1, 3, 6, 16, 20, 50])
dtypes = st.sampled_from(["float32", "float64"])


@many
@given(windows(pooling=True), batches, channels, dtypes, st.booleans())
def test_any_average_agrees_with_matrix(drawn, N, C, dtype, last):
    size, options = drawn
    x = normal(N, C, *size, dtype=dtype)
    remake = channels_last if last else np.array
    native_results = passes(avg_pool2d, x, options, "native", remake)
    for actual, wanted in zip(
        native_results, passes(avg_pool2d, x, options, "matrix"), strict=True
    ):
        assert_close(actual, wanted)


@many
@given(windows(pooling=False), batches, channels, dtypes, st.booleans())
def test_any_columns_are_those_of_matrix(drawn, N, C, dtype, last):
    size, options = drawn
    x = normal(N, C, *size, dtype=dtype)
    remake = channels_last if last else np.array
    native_results = passes(im2col, x, options, "native", remake)
    for actual, wanted in zip(native_results, passes(im2col, x, options, "matrix"), strict=True):
        np.testing.assert_array_equal(actual, wanted)


@settings(max_examples=40, deadline=None)
@given(batches, channels, st.integers(1, 70), st.integers(1, 70), dtypes)
def test_any_map_agrees_with_its_mean(N, C, H, W, dtype):
    x = normal(N, C, H, W, dtype=dtype) + np.asarray(3, dtype)
    y, grad_x = passes(global_avg_pool2d, x, {})
    exact = x.astype("f8").mean(axis=(2, 3), keepdims=True)
    assert_close(y, exact.astype(dtype))
    assert_close(grad_x, passes(global_avg_pool2d, x, {}, "matrix")[1])


def shifted(array):
    """Return a channels-last view whose neighbours in memory are NaN."""
    last = np.moveaxis(array, 1, -1)
    memory = np.full([length + 2 for length in last.shape], np.nan, array.dtype)
    view = memory[(slice(1, -1),) * array.ndim]
    view[...] = last
    return np.moveaxis(view, -1, 1)


# Several units of work, vectors with and without a rest, windows that overlap and that do not.
LARGE = [
    (avg_pool2d, (9, 20, 24, 25), {"kernel_size": 2}),
    (avg_pool2d, (7, 35, 15, 31), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (avg_pool2d, (3, 16, 41, 40), {"kernel_size": (2, 4), "dilation": (3, 2), "padding": (1, 2)}),
    (global_avg_pool2d, (5, 50, 37, 31), {}),
    (adaptive_avg_pool2d, (5, 50, 37, 31), {"output_size": (9, 40)}),
    (im2col, (5, 20, 40, 33), {"kernel_size": 3, "padding": 1}),
    (im2col, (3, 3, 130, 140), {"kernel_size": (5, 4), "stride": (2, 3), "padding": 2}),
]
NAMES = [f"{operation.__name__.split('.')[-1]} {shape}" for operation, shape, _ in LARGE]


@pytest.mark.parametrize(("operation", "shape", "options"), LARGE, ids=NAMES)
def test_bits_depend_on_neither_threads_nor_memory(operation, shape, options):
    x = normal(*shape)
    before = native.get_threads()
    try:
        native.set_threads(1)
        expected = passes(operation, x, options)
        for wanted, matrix in zip(expected, passes(operation, x, options, "matrix"), strict=True):
            assert_close(wanted, matrix)
        for threads in (2, 3):
            native.set_threads(threads)
            for remake in (channels_last, misaligned, reversed_axes, shifted):
                for actual, wanted in zip(
                    passes(operation, x, options, remake=remake), expected, strict=True
                ):
                    np.testing.assert_array_equal(actual, wanted)
    finally:
        native.set_threads(before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_belongs(value):
    x = np.ones((2, 20, 9, 8), "f4")
    x[1, 17, 4, 5] = value
    y = avg_pool2d.forward(x, 3, 2, backend="native")
    touched = np.zeros(y.shape, bool)
    touched[1, 17, 1:3, 2] = True  # rows 2-4 and 4-6, columns 4-6
    np.testing.assert_array_equal(~np.isfinite(y), touched)
    y = global_avg_pool2d.forward(x, backend="native")
    np.testing.assert_array_equal(np.argwhere(~np.isfinite(y)), [[1, 17, 0, 0]])

    grad_y = np.ones((2, 20, 4, 3), "f4")
    grad_y[0, 19, 2, 1] = value
    grad_x = avg_pool2d.backward_input(grad_y, x.shape, 3, 2, backend="native")
    touched = np.zeros(x.shape, bool)
    touched[0, 19, 4:7, 2:5] = True
    np.testing.assert_array_equal(~np.isfinite(grad_x), touched)


def test_a_mean_keeps_its_digits_where_one_long_sum_loses_them():
    """A million times 0.1: a float32 sum in one chain is off by 1 % and more."""
    x = np.full((1, 2, 1024, 1024), 0.1, "f4")
    y = global_avg_pool2d.forward(x, backend="native")
    assert np.abs(y / np.float32(0.1) - 1).max() < 1e-5


def test_results_are_channels_last():
    x = normal(2, 5, 6, 7)
    for y in (*passes(avg_pool2d, x, {"kernel_size": 2}), passes(global_avg_pool2d, x, {})[1]):
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous and y.flags.writeable
    assert im2col.forward(x, 2, backend="native").flags.c_contiguous


def test_arrays_that_do_not_fit_are_refused_by_the_module_itself():
    from clearconv.ops.geometry.window import Window

    window = Window.of("test", (8, 8), (3, 3))
    x = np.zeros((1, 3, 7, 8), "f4")
    for call in (
        lambda: native.avg_pool2d.forward(x, window, True),
        lambda: native.avg_pool2d.backward_input(x, window, True),
        lambda: native.global_avg_pool2d.forward(x[:, :, :0]),
        lambda: native.global_avg_pool2d.backward_input(x, (1, 3, 7, 8)),
        lambda: native.im2col.forward(x, window),
        lambda: native.im2col.backward_input(x[:, :, 0], window),
    ):
        with pytest.raises(ValueError, match="do not fit|empty axis"):
            call()
