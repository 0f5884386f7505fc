"""Flatten: (C, H, W) order from any memory, and channels-last memory on the way back."""

import numpy as np
import pytest

from clearconv import Flatten
from clearconv.ops.geometry import layout as _layout
from clearconv.ops.tellings import native_module

SHAPES = [(3, 5, 4, 6), (2, 4, 2, 2), (7, 50, 4, 4), (2, 3, 1, 1), (2, 1, 5, 3), (33, 30, 13, 11)]
ROUTES = ["numpy"] if native_module() is None else ["numpy", "native"]


@pytest.fixture(params=ROUTES)
def route(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(_layout, "native_module", lambda: None)


def numbers(shape, dtype):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def misaligned(x):
    memory = np.empty(x.nbytes + 1, np.uint8)
    copy = memory[1:].view(x.dtype).reshape(x.shape)
    copy[...] = x
    copy.flags.writeable = False
    return copy


def in_misaligned_pixels(x):
    return misaligned(np.ascontiguousarray(x.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)


def part(x):
    return np.pad(x, 1, constant_values=-1)[1:-1, 1:-1, 1:-1, 1:-1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lie", [np.copy, last, in_misaligned_pixels, part, np.asfortranarray])
def test_rows_are_in_channel_row_column_order(route, lie, shape, dtype):
    x = numbers(shape, dtype)
    layer = Flatten()
    layer.build(shape[1:], dtype=dtype)
    y = layer.forward(lie(x))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, numbers((shape[0], y[0].size), dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lie", [np.copy, misaligned, np.asfortranarray])
def test_backward_gives_channels_last_maps(route, lie, shape, dtype):
    layer = Flatten()
    layer.build(shape[1:], dtype=dtype)
    y = layer.forward(numbers(shape, dtype), keep="backward")
    grad_x = layer.backward(lie(numbers(y.shape, dtype)))
    assert grad_x.dtype == dtype
    assert grad_x.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(grad_x, numbers(shape, dtype))


def test_an_empty_batch(route):
    assert _layout.to_rows(last(np.zeros((0, 3, 4, 5), "f4"))).shape == (0, 60)
    assert _layout.to_maps(np.zeros((0, 60), "f4"), (0, 3, 4, 5)).shape == (0, 3, 4, 5)


@pytest.mark.skipif(native_module() is None, reason="clearconv was built without a compiler")
def test_the_module_itself_refuses_other_ranks():
    with pytest.raises(ValueError, match="do not fit"):
        native_module().swap_last_axes(np.zeros((2, 3), "f4"))
