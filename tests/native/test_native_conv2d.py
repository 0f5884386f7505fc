"""The compiled conv2d: the same bits however it is run, any memory, any geometry."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remade import channels_last, misaligned, reversed_axes, shifted

from clearconv.ops import conv2d, conv_block
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

# (x, weight, options): small channel counts, several k blocks, groups, every kind of strip.
GEOMETRIES = [
    ((5, 3, 23, 37), (16, 3, 3, 3), {"stride": 2}),
    ((9, 1, 28, 28), (20, 1, 5, 5), {}),
    ((3, 20, 12, 12), (50, 20, 5, 5), {"padding": 2}),
    ((2, 64, 13, 13), (35, 64, 3, 3), {"stride": 2, "padding": ((1, 0), (2, 1))}),
    ((4, 6, 40, 41), (4, 3, 3, 3), {"groups": 2, "dilation": (2, 3)}),
    ((17, 10, 7, 6), (3, 10, 1, 1), {}),
    ((2, 17, 30, 37), (20, 17, 3, 3), {"padding": ((1, 0), (2, 1))}),  # Winograd: tiles first
    ((9, 130, 5, 6), (160, 130, 3, 3), {"padding": 1}),  # and filters first
]


def arrays(x_shape, weight_shape, options, dtype="float32"):
    rng = np.random.default_rng(4)
    x, weight = (rng.standard_normal(s).astype(dtype) for s in (x_shape, weight_shape))
    bias = rng.standard_normal(weight_shape[0]).astype(dtype)
    y_shape = conv2d.forward(x, weight, bias, **options, backend="matrix").shape
    return x, weight, bias, rng.standard_normal(y_shape).astype(dtype)


def passes(x, weight, bias, grad_y, options, backend="native"):
    """Forward and all gradients."""
    how = {**options, "backend": backend}
    return (
        conv2d.forward(x, weight, bias, **how),
        conv2d.backward_input(grad_y, weight, x.shape, **how),
        conv2d.backward_weight(grad_y, x, weight.shape, **how),
        conv2d.backward_bias(grad_y, backend=backend),
    )


def all_bits(dtype):
    """Return every result of every geometry as bytes, in hexadecimal."""
    return [
        np.ascontiguousarray(result).tobytes().hex()
        for x, weight, options in GEOMETRIES
        for result in passes(*arrays(x, weight, options, dtype), options)
    ]


@pytest.fixture
def threads():
    before = native.get_threads()
    yield native.set_threads
    native.set_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_the_number_of_threads(threads, dtype):
    threads(1)
    expected = all_bits(dtype)
    for count in (2, 3):
        threads(count)
        for _ in range(3):
            assert all_bits(dtype) == expected


def test_bits_do_not_depend_on_memory():
    """Base address, layout and whether the image is read directly or through a strip."""
    for x_shape, weight_shape, options in GEOMETRIES:
        x, weight, bias, grad_y = arrays(x_shape, weight_shape, options)
        expected = passes(x, weight, bias, grad_y, options)
        for remake in (misaligned, channels_last, reversed_axes, shifted):
            actual = passes(*(remake(a) for a in (x, weight, bias, grad_y)), options)
            for a, b in zip(actual, expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_an_empty_batch():
    x, weight = np.zeros((0, 3, 8, 8), "f4"), np.ones((4, 3, 3, 3), "f4")
    grad_y = np.zeros((0, 4, 6, 6), "f4")
    y, grad_x, grad_weight, grad_bias = passes(x, weight, np.ones(4, "f4"), grad_y, {})
    assert y.shape == grad_y.shape and grad_x.shape == x.shape
    np.testing.assert_array_equal(grad_weight, np.zeros_like(weight))
    np.testing.assert_array_equal(grad_bias, np.zeros(4))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_exactly_its_outputs(value):
    x, weight, bias, grad_y = arrays((2, 3, 9, 8), (5, 3, 3, 3), {})
    x[1, 2, 4, 4] = value
    y = conv2d.forward(x, weight, bias, backend="native")
    touched = np.zeros(y.shape, bool)
    touched[1, :, 2:5, 2:5] = True
    np.testing.assert_array_equal(~np.isfinite(y), touched)
    grad_y[0, 3, 5, 1] = value
    grad_x = conv2d.backward_input(grad_y, weight, x.shape, backend="native")
    touched = np.zeros(x.shape, bool)
    touched[0, :, 5:8, 1:4] = True
    np.testing.assert_array_equal(~np.isfinite(grad_x), touched)
    assert not np.isfinite(conv2d.backward_bias(grad_y, backend="native")[3])


def test_pixels_that_no_window_touches_get_exactly_zero():
    weight = np.ones((3, 2, 2, 2), "f4")
    grad_y = np.full((1, 3, 2, 2), 7, "f4")
    grad_x = conv2d.backward_input(grad_y, weight, (1, 2, 7, 7), stride=3, backend="native")
    touched = np.zeros((7, 7), bool)
    touched[np.ix_([0, 1, 3, 4], [0, 1, 3, 4])] = True
    np.testing.assert_array_equal(grad_x[0, 0], np.where(touched, 21, 0))


def test_results_are_channels_last_and_writable():
    x, weight, bias, grad_y = arrays((2, 3, 9, 8), (5, 3, 3, 3), {})
    y, grad_x, grad_weight, _ = passes(x, weight, bias, grad_y, {})
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous and y.flags.writeable
    assert grad_x.transpose(0, 2, 3, 1).flags.c_contiguous
    assert grad_weight.flags.c_contiguous


def test_a_result_outlives_its_call():
    """Recycled memory must not be given out while an array still shows it."""
    x, weight, bias, _ = arrays((4, 8, 40, 40), (16, 8, 3, 3), {})
    kept = [conv2d.forward(x * i, weight, bias, backend="native") for i in range(4)]
    part = kept[3][1:, 2]
    expected = conv2d.forward(x * 3, weight, bias, backend="matrix")[1:, 2]
    del kept
    for _ in range(4):
        conv2d.forward(-x, weight, bias, backend="native")
    np.testing.assert_allclose(part, expected, atol=1e-4)


sizes = st.integers(1, 3)
pairs = st.tuples(sizes, sizes)


@settings(max_examples=60, deadline=None)
@given(
    kernel=pairs,
    stride=pairs,
    dilation=pairs,
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    extra=st.tuples(st.integers(0, 9), st.integers(0, 17)),
    N=st.integers(1, 10),
    groups=st.sampled_from([1, 1, 2, 3]),
    I=st.sampled_from([1, 2, 3, 10, 17, 33]),
    O=st.sampled_from([1, 3, 10, 16, 20, 50]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_random_geometry_agrees_with_matrix(
    kernel, stride, dilation, padding, extra, N, groups, I, O, dtype
):
    size = [max(1, dilation[a] * (kernel[a] - 1) + 1 - sum(padding[a])) + extra[a] for a in (0, 1)]
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    made = arrays((N, I * groups, *size), (O * groups, I, *kernel), options, dtype)
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    expected = passes(*made, options, backend="matrix")
    for actual, wanted in zip(passes(*made, options), expected, strict=True):
        scale = max(1.0, float(np.abs(wanted).max()))
        assert np.abs(actual - wanted).max() <= tolerance * scale


@pytest.mark.parametrize("weight", [(3, 2, 3, 3), (130, 16, 1, 1), (256, 128, 1, 8)])
def test_a_long_row_is_summed_in_chunks(weight):
    """4,000 columns: one row holds several chunks; float32 stays near the float64 sum."""
    x, weight, bias, grad_y = arrays((1, weight[1], 3, 4000), weight, {})
    exact = conv2d.backward_weight(
        grad_y.astype("f8"), x.astype("f8"), weight.shape, backend="matrix"
    )
    actual = conv2d.backward_weight(grad_y, x, weight.shape, backend="native")
    assert np.abs(actual - exact).max() <= 2e-6 * np.abs(grad_y).max() * np.sqrt(4000) * 4
    total = conv2d.backward_bias(grad_y, backend="native")
    assert np.abs(total - grad_y.sum(axis=(0, 2, 3), dtype="f8")).max() < 3e-4


@pytest.mark.parametrize("shape", [(9, 48, 5, 6), (2, 16, 3, 1400), (1, 160, 1, 1)])
@pytest.mark.parametrize("outputs", [70, 150])
def test_both_gradients_of_pixels_at_once(shape, outputs):
    """A 1x1 block reads its gradient once for both; the weights' has the same bits by itself."""
    x, weight, bias, grad_y = arrays(shape, (outputs, shape[1], 1, 1), {})
    there = np.ones_like(x).transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)  # channels last
    _, saved = conv_block.forward_saving(x, weight, bias, relu=True)
    exact = conv_block.backward(grad_y, weight, saved, backend="matrix")
    alone = conv_block.backward(grad_y, weight, saved, input_gradient=False)
    new = conv_block.backward(grad_y, weight, saved)
    added = conv_block.backward(grad_y, weight, saved, into=there)
    assert alone.x is None and added.x is there
    np.testing.assert_array_equal(new.weight, alone.weight)
    for name in ("x", "weight", "bias"):
        wanted = getattr(exact, name)
        close = 3e-5 * max(1.0, float(np.abs(wanted).max()))
        assert np.abs(getattr(new, name) - wanted).max() <= close, name
    assert np.abs(there - 1 - exact.x).max() <= 3e-5 * np.abs(exact.x).max()


@pytest.mark.parametrize("padding", [1, ((0, 2), (2, 0))])
@pytest.mark.parametrize("shape", [(9, 20, 7, 6), (3, 40, 50, 48), (1, 17, 2, 3)])
def test_both_gradients_of_a_depthwise_block_at_once(shape, padding):
    options = {"padding": padding, "groups": shape[1]}
    x, weight, bias, grad_y = arrays(shape, (shape[1], 1, 3, 3), options)
    _, saved = conv_block.forward_saving(x, weight, bias, **options, relu=True)
    exact = conv_block.backward(grad_y, weight, saved, backend="matrix")
    alone = conv_block.backward(grad_y, weight, saved, input_gradient=False)
    both = conv_block.backward(grad_y, weight, saved)
    np.testing.assert_array_equal(both.weight, alone.weight)
    for name in ("x", "weight", "bias"):
        wanted = getattr(exact, name)
        close = 3e-5 * max(1.0, float(np.abs(wanted).max()))
        assert np.abs(getattr(both, name) - wanted).max() <= close, name


def test_arrays_that_do_not_fit_are_refused_by_the_module_itself():
    from clearconv.ops.geometry.window import Window

    window = Window.of("test", (8, 8), (3, 3))
    x, weight = np.zeros((1, 3, 8, 8), "f4"), np.zeros((4, 3, 3, 3), "f4")
    with pytest.raises(ValueError, match="do not fit"):
        native.conv2d.forward(x[:, :2], weight, None, window, 1)
    with pytest.raises(TypeError, match="dtypes differ"):
        native.conv2d.forward(x, weight.astype("f8"), None, window, 1)
    with pytest.raises(TypeError, match="float32 or float64"):
        native.conv2d.backward_bias(x.astype(">f4"))


def in_variant(name, code):
    """Run Python code in a process whose kernels are of one instruction set."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CLEARCONV_VARIANT": name},
        capture_output=True,
        text=True,
        timeout=120,
    )


BITS = f"""
import sys, json
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import test_native_conv2d
print(json.dumps([test_native_conv2d.native.variant(), test_native_conv2d.all_bits({{dtype!r}})]))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_avx2_and_avx512_give_the_same_bits(dtype):
    results = {}
    for name in ("avx2", "avx512"):
        ran = in_variant(name, BITS.format(dtype=dtype))
        if "CLEARCONV_VARIANT" in ran.stderr:
            pytest.skip(f"this CPU cannot run {name}")
        assert ran.returncode == 0, ran.stderr
        used, results[name] = json.loads(ran.stdout)
        assert used == name
    assert results["avx2"] == results["avx512"]


def test_baseline_agrees_with_the_fastest():
    ran = in_variant("baseline", BITS.format(dtype="float32"))
    assert ran.returncode == 0, ran.stderr
    used, bits = json.loads(ran.stdout)
    assert used == "baseline"
    for ours, theirs in zip(all_bits("float32"), bits, strict=True):
        a, b = (np.frombuffer(bytes.fromhex(bits), "f4") for bits in (ours, theirs))
        assert np.abs(a - b).max() <= 3e-5 * max(1.0, np.abs(a).max())


def test_an_unknown_variant_is_an_error_that_names_the_known_ones():
    ran = in_variant("sse9", "import clearconv._native")
    assert ran.returncode != 0
    assert "CLEARCONV_VARIANT is 'sse9'" in ran.stderr and "baseline" in ran.stderr
