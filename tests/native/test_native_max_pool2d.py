"""The compiled max_pool2d: any number of threads, any memory, any window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.ops import max_pool2d
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")


def passes(x, options, backend, seed=1):
    """y, the winners, and the gradient."""
    y, saved = max_pool2d.forward_saving(x, **options, backend=backend)
    grad_y = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
    return y, saved.argmax, max_pool2d.backward_input(grad_y, saved, backend=backend)


def small_numbers(shape, dtype="float32", seed=0):
    """Few different values: ties are the rule."""
    return np.random.default_rng(seed).integers(0, 4, shape).astype(dtype)


def test_bits_do_not_depend_on_the_number_of_threads():
    before = native.get_threads()
    x = small_numbers((9, 21, 30, 31))
    options = {"kernel_size": 3, "stride": 2, "padding": 1}
    try:
        native.set_threads(1)
        expected = passes(x, options, "native")
        native.set_threads(3)
        for actual, wanted in zip(passes(x, options, "native"), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)
    finally:
        native.set_threads(before)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    extra=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    ceil_mode=st.booleans(),
    N=st.integers(0, 3),
    C=st.sampled_from([1, 3, 6, 16, 20, 50]),
    last=st.booleans(),
    broken=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_random_geometry_agrees_with_matrix_exactly(
    kernel, stride, dilation, extra, ceil_mode, N, C, last, broken, dtype
):
    size = [dilation[a] * (kernel[a] - 1) + 1 + extra[a] for a in (0, 1)]
    options = {
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": tuple(k // 2 for k in kernel),
        "ceil_mode": ceil_mode,
    }
    x = small_numbers((N, C, *size), dtype)
    if broken:
        x[small_numbers(x.shape, seed=2) == 0] = np.nan
        x[small_numbers(x.shape, seed=3) == 0] = -np.inf
    if last:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y, argmax, grad_x = passes(x, options, "native")
    wanted_y, wanted_argmax, wanted_grad_x = passes(x, options, "matrix")
    np.testing.assert_array_equal(y, wanted_y)
    np.testing.assert_array_equal(max_pool2d.forward(x, **options, backend="native"), wanted_y)
    np.testing.assert_array_equal(argmax, wanted_argmax)
    assert argmax.dtype == wanted_argmax.dtype
    np.testing.assert_allclose(grad_x, wanted_grad_x, atol=1e-5)


def test_neighbours_in_memory_are_not_seen():
    whole = np.full((4, 9, 9, 22), np.nan, "f4")
    x = whole[1:-1, 1:-1, 1:-1, 1:-1].transpose(0, 3, 1, 2)  # (2, 20, 7, 7)
    x[...] = small_numbers(x.shape)
    for actual, wanted in zip(
        passes(x, {"kernel_size": 2}, "native"),
        passes(x.copy(), {"kernel_size": 2}, "matrix"),
        strict=True,
    ):
        np.testing.assert_array_equal(actual, wanted)


def test_a_window_of_more_than_a_byte():
    x = small_numbers((2, 5, 17, 18))
    y, argmax, grad_x = passes(x, {"kernel_size": (17, 18)}, "native")
    assert argmax.dtype == np.int32
    np.testing.assert_array_equal(argmax[..., 0, 0], x.reshape(2, 5, -1).argmax(axis=2))
    assert np.count_nonzero(grad_x) == 10 and np.array_equal(y, x.max(axis=(2, 3), keepdims=True))


def test_the_first_nan_wins():
    x = np.array([[3, np.nan], [np.nan, 9]], "f4")
    y, saved = max_pool2d.forward_saving(x, 2, backend="native")
    assert np.isnan(y).all() and saved.argmax.item() == 1
