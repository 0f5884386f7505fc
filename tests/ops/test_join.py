"""Values side by side in one array, and what stands before a convolution: batch norm and ReLU."""

import numpy as np
import pytest

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import batch_norm2d, conv_block
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("conv_block"))
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def maps(rng, channels, dtype, N=3, H=5, W=6):
    return rng.standard_normal((N, channels, H, W)).astype(dtype)


def normed(x, relu, backend):
    rng = np.random.default_rng(5)
    weight, bias = rng.standard_normal((2, x.shape[1])).astype(x.dtype)
    return conv_block.normalise(x, conv_block.Norm(weight, bias), relu, backend=backend)


@TELLINGS
@DTYPES
@pytest.mark.parametrize("sizes", [(3, 5), (1,), (16, 1, 33), (8, 8)])
def test_parts_are_side_by_side_to_the_bit(backend, dtype, sizes):
    rng = np.random.default_rng(0)
    parts = [maps(rng, C, dtype) for C in sizes]
    expected = np.concatenate(parts, axis=1)
    y = conv_block.join(parts, backend=backend)
    np.testing.assert_array_equal(y, expected)
    assert y.dtype == dtype and y.transpose(0, 2, 3, 1).flags.c_contiguous
    whole = np.full((3, sum(sizes) + 7, 5, 6), np.nan, dtype)
    for room in (whole, whole.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)):
        part = room[:, 4:-3]
        assert conv_block.join(parts, out=part, backend=backend) is part
        np.testing.assert_array_equal(part, expected)
        assert np.isnan(room[:, :4]).all() and np.isnan(room[:, -3:]).all()


@TELLINGS
@DTYPES
@pytest.mark.parametrize("relu", [False, True])
def test_parts_that_are_not_computed_yet(backend, dtype, relu):
    rng = np.random.default_rng(1)
    x, plain = maps(rng, 19, dtype), maps(rng, 2, dtype)
    value = normed(x, relu, backend)
    y = conv_block.join([plain, value, plain], backend=backend)
    wanted, _ = batch_norm2d.forward_saving(x, value.weight, value.bias, backend="loops")
    wanted = np.maximum(wanted, 0) if relu else wanted
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(y[:, 2:21], wanted, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(y[:, 21:], plain)
    x[0, 0, 0, 0] = np.nan
    assert np.isnan(conv_block.join([normed(x, relu, backend)], backend=backend)[:, 0]).all()


@TELLINGS
@DTYPES
@pytest.mark.parametrize("channels", [1, 5, 32])
def test_the_gradient_before_a_norm_goes_where_it_is_wanted(backend, dtype, channels):
    rng = np.random.default_rng(2)
    wide = np.moveaxis(rng.standard_normal((3, 5, 6, channels + 9)).astype(dtype), -1, 1)
    x = wide[:, 3 : 3 + channels]  # channels of a larger array
    value, grad_y = normed(x, True, backend), maps(rng, channels, dtype)
    alone = conv_block.backward_normalise(grad_y, value, backend=backend)
    gated = np.where(value.array("loops") > 0, grad_y, 0).astype(dtype)
    known = value.statistics
    expected = batch_norm2d.backward(gated, value.weight, known, backend="loops")
    tolerance = 1e-11 if dtype == "float64" else 5e-5
    for got, wanted in zip((alone.x, alone.weight, alone.bias), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)
    before = rng.standard_normal(wide.shape).astype(dtype)
    for total in (before.copy(), np.moveaxis(np.moveaxis(before, 1, -1).copy(), -1, 1)):
        part = total[:, 3 : 3 + channels]
        added = conv_block.backward_normalise(grad_y, value, into=part, backend=backend)
        assert added.x is part
        np.testing.assert_allclose(
            part, before[:, 3 : 3 + channels] + expected[0], rtol=0, atol=tolerance
        )
        np.testing.assert_array_equal(total[:, :3], before[:, :3])
        np.testing.assert_array_equal(total[:, 3 + channels :], before[:, 3 + channels :])
    none = conv_block.backward_normalise(grad_y, value, input_gradient=False, backend=backend)
    assert none.x is None
    np.testing.assert_array_equal(none.weight, alone.weight)


@TELLINGS
def test_fixed_statistics(backend):
    rng = np.random.default_rng(3)
    x = maps(rng, 4, "float64")
    weight, bias, mean = rng.standard_normal((3, 4))
    norm = conv_block.Norm(weight, bias, 1e-3, mean, np.abs(mean) + 1)
    value = conv_block.normalise(x, norm, backend=backend)
    wanted = (x - mean[:, None, None]) / np.sqrt(np.abs(mean) + 1.001)[:, None, None]
    wanted = wanted * weight[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(value.array(backend), wanted, rtol=0, atol=1e-12)
    grad_y = maps(rng, 4, "float64")
    grads = conv_block.backward_normalise(grad_y, value, backend=backend)
    scale = weight / np.sqrt(np.abs(mean) + 1.001)
    np.testing.assert_allclose(grads.x, grad_y * scale[:, None, None], rtol=0, atol=1e-12)


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 5), "float32")
    with pytest.raises(ShapeError, match="no parts"):
        conv_block.join([])
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 5\), \(2, 3, 4, 4\); all axes but"):
        conv_block.join([x, x[..., 1:]])
    with pytest.raises(DtypeError, match="float32, float64"):
        conv_block.join([x, x.astype("float64")])
    with pytest.raises(ShapeError, match=r"out has shape \(2, 5, 4, 5\), but \(2, 6, 4, 5\)"):
        conv_block.join([x, x], out=np.moveaxis(np.zeros((2, 4, 5, 5), "float32"), -1, 1))
    with pytest.raises(DtypeError, match="out is float64"):
        conv_block.join([x], out=np.moveaxis(np.zeros((2, 4, 5, 3)), -1, 1))
    norm = conv_block.Norm(np.ones(3, "float32"), np.zeros(3, "float32"))
    with pytest.raises(ShapeError, match=r"\(1, 3, 1, 1\), one number for each channel"):
        conv_block.normalise(x[:1, :, :1, :1], norm)
    with pytest.raises(ShapeError, match=r"norm.weight has shape \(3,\), but \(2,\)"):
        conv_block.normalise(x[:, :2], norm)
    value = conv_block.normalise(x, norm)
    with pytest.raises(ShapeError, match=r"grad_y has shape \(2, 3, 4, 4\)"):
        conv_block.backward_normalise(x[..., 1:], value)
    with pytest.raises(ShapeError, match="into has shape"):
        conv_block.backward_normalise(x, value, into=x[:1])
