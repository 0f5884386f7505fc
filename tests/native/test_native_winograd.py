"""Winograd's algorithm: its rounding is bounded, and it is otherwise like any convolution.

That its bits depend neither on threads nor on memory nor on AVX2 or AVX-512 is tested with those
of all other geometries, in test_native_conv2d.py.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.ops import conv2d
from clearconv.ops.conv_block import cases as conv_block
from clearconv.ops.tellings import native_module

native = native_module()
pytestmark = pytest.mark.skipif(native is None, reason="clearconv was built without a compiler")

# Of the largest result; the direct kernels stay below a half of it.
BOUND = {"float32": 1e-5, "float64": 2e-14}

# N, C, O, H, W: more tiles than filters, fewer, several panels of channels and groups of filters,
# odd sizes; a weight gradient by shards, of one block and several, and by points.
SHAPES = [
    (3, 16, 16, 32, 32),
    (2, 64, 64, 32, 32),
    (3, 128, 256, 16, 16),
    (9, 256, 64, 8, 8),
    (8, 512, 512, 4, 4),
    (2, 33, 70, 13, 18),
    (1, 20, 17, 7, 300),
    (3, 130, 132, 56, 60),
]


def last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def arrays(N, C, O, H, W, dtype="float32", mean=0.0):
    rng = np.random.default_rng(C + O)
    x, weight, grad_y = (
        (rng.standard_normal(shape) + mean).astype(dtype)
        for shape in ((N, C, H, W), (O, C, 3, 3), (N, O, H, W))
    )
    return last(x), weight, last(grad_y)


def passes(x, weight, grad_y, backend="native", exact=False, **options):
    how = {"padding": 1, **options, "backend": backend, "exact": exact}
    return {
        "y": conv2d.forward(x, weight, **how),
        "grad_x": conv2d.backward_input(grad_y, weight, x.shape, **how),
        "grad_weight": conv2d.backward_weight(grad_y, x, weight.shape, **how),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mean", [0.0, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_error_against_float64_and_against_direct_sums(shape, mean, dtype):
    made = arrays(*shape, dtype, mean)
    exact = passes(*(a.astype("f8") for a in made), backend="matrix")
    direct = passes(*made, exact=True)
    for name, actual in passes(*made).items():
        size = np.abs(exact[name]).max()
        assert np.abs(actual - exact[name]).max() <= BOUND[dtype] * size
        assert np.abs(direct[name] - exact[name]).max() <= BOUND[dtype] / 2 * size
        assert (actual != direct[name]).any(), "these shapes were to go by Winograd"


sides = st.tuples(st.integers(0, 4), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(
    N=st.integers(0, 19),
    C=st.sampled_from([16, 17, 31, 48, 130]),
    O=st.sampled_from([16, 19, 64, 66]),
    size=st.tuples(st.integers(3, 19), st.integers(3, 19)),
    padding=st.tuples(sides, sides),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_random_geometry_agrees_with_matrix(N, C, O, size, padding, dtype):
    x, weight, _ = arrays(N, C, O, *size, dtype)
    y = conv2d.forward(x, weight, padding=padding, backend="matrix")
    made = x, weight, np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    expected = passes(*made, backend="matrix", padding=padding)
    for name, actual in passes(*made, padding=padding).items():
        size = np.abs(expected[name]).max(initial=1)
        assert np.abs(actual - expected[name]).max(initial=0) <= 2 * BOUND[dtype] * size


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_tiles(value):
    x, weight, grad_y = arrays(2, 32, 32, 13, 18)
    clean = passes(x, weight, grad_y)
    x[1, 7, 6, 9] = grad_y[1, 7, 6, 9] = value
    touched = np.zeros((2, 1, 13, 18), bool)
    touched[1, :, 4:8, 8:12] = True  # looked at by rows 5 to 7 and columns 8 to 10
    spoilt_passes = passes(x, weight, grad_y)
    for name in ("y", "grad_x"):
        spoilt = spoilt_passes[name]
        assert not np.isfinite(spoilt[1, :, 5:8, 8:11]).any(), name
        np.testing.assert_array_equal(spoilt, np.where(touched, spoilt, clean[name]))
    spoilt_passes = passes(x, weight, grad_y, exact=True)
    wrong = np.zeros_like(touched)
    wrong[1, :, 5:8, 8:11] = True
    for name in ("y", "grad_x"):
        spoilt = spoilt_passes[name]
        np.testing.assert_array_equal(~np.isfinite(spoilt), np.broadcast_to(wrong, spoilt.shape))


def test_no_result_depends_on_the_other_images():
    """Whether tiles or filters are prepared first depends on the batch; the bits do not."""
    x, weight, grad_y = arrays(64, 64, 128, 8, 8)
    together, alone = passes(x, weight, grad_y), passes(x[5:6], weight, grad_y[5:6])
    for name in ("y", "grad_x"):
        np.testing.assert_array_equal(alone[name][0], together[name][5])


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_a_weight_gradient_over_131072_pixels(mean, direct):
    x, weight, grad_y = arrays(128, 16, 16, 32, 32, mean=mean)
    exact, actual = (
        conv2d.backward_weight(g, a, weight.shape, padding=1, exact=direct, backend=backend)
        for g, a, backend in (
            (grad_y.astype("f8"), x.astype("f8"), "matrix"),
            (grad_y, x, "native"),
        )
    )
    bound = BOUND["float32"] / (2 if direct else 1)
    assert np.abs(actual - exact).max() <= bound * np.abs(exact).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("options", "before"),
    [
        ({"relu": True}, False),
        ({"relu": True, "pool": True}, False),
        ({"norm": True, "relu": True}, False),
        ({"norm": True, "relu": True}, True),
    ],
)
@pytest.mark.parametrize("shape", [(5, 32, 48, 9, 10), (16, 48, 64, 4, 4), (2, 16, 16, 9, 70)])
def test_fused_steps(shape, options, before, dtype):
    """What is read on the way in and what happens on the way out, as with the direct kernels."""
    N, C, O, H, W = shape
    rng = np.random.default_rng(3)
    shapes = {"x": (N, C, H, W), "weight": (O, C, 3, 3), "bias": (O,)}
    if "norm" in options:
        shapes |= {"norm_weight": (O,), "norm_bias": (O,)}
    if before:
        shapes |= {"before_weight": (C,), "before_bias": (C,)}
    inputs = {name: rng.standard_normal(s).astype(dtype) for name, s in shapes.items()}
    options = {**options, "padding": 1}
    results = []
    for backend in ("native", "matrix"):
        y, backward = conv_block.run(inputs, options, backend)
        grad_y = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
        results.append({"y": y, **backward(grad_y, backend)})
    for name, expected in results[1].items():
        size = max(1.0, np.abs(expected).max())
        assert np.abs(results[0][name] - expected).max() <= 2 * BOUND[dtype] * size, name
