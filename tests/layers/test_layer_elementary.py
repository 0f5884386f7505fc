"""Layers for models that were written elsewhere: any function, any axes, any resizing."""

import json
from math import erf

import numpy as np
import pytest

from clearconv import from_spec, gradient_check
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.functions import FUNCTIONS, erf_of
from clearconv.layers.elementary.reduce import Reduce
from clearconv.layers.elementary.resample import Resample
from clearconv.layers.elementary.take import Take
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape

IMAGE = (3, 5, 4)
NUMBERS = {"clip": (-0.5, 0.8), "exponential": (1.7,), "power": (3.0,), "wrap": (-2.0, 4.0)}
POSITIVE = ("log", "sqrt", "reciprocal")
LAYERS = {
    "mean": lambda: Reduce("mean", (0, 2)),
    "sum, without the axes": lambda: Reduce("sum", (1,), keepdims=False),
    "max": lambda: Reduce("max", (2, 0)),
    "min of all": lambda: Reduce("min", (0, 1, 2), keepdims=False),
    "reshape to maps": lambda: Reshape((2, 5, 6)),
    "reshape to a matrix": lambda: Reshape((15, 4)),
    "permute": lambda: Permute((2, 3, 1)),
    "pad": lambda: Pad(((1, 0), (0, 2), (3, 1)), 0.5),
    "take": lambda: Take(1, (4, 0, 0, 2)),
    "nearest": lambda: Resample((1, 2), (7, 3), filter="nearest"),
    "linear": lambda: Resample((2,), (9,), coordinates="align_corners"),
    "cubic, widened": lambda: Resample((1,), (2,), filter="cubic", antialias=True),
    "crop": lambda: Resample(
        (1, 2), (4, 4), coordinates="tf_crop_and_resize", regions=((0, 1), (0.2, 1.3)), outside=7.0
    ),
}


def numbers(name):
    return NUMBERS.get(name, (0.9, 1.1)[: FUNCTIONS[name].numbers])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_the_right_slope(name):
    layer = Elementwise(name, numbers(name)).build((40,), dtype="float64")
    x = np.random.default_rng(3).normal(0, 1.5, (4, 40))
    found = gradient_check(layer, np.abs(x) + 0.1 if name in POSITIVE else x)
    assert found.ok, f"\n{found}"


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name):
    layer = LAYERS[name]().build(IMAGE, dtype="float64")
    x = np.random.default_rng(0).normal(0, 1, (4, *IMAGE))
    found = gradient_check(layer, x)
    assert found.ok, f"\n{found}"
    again = from_spec(json.loads(json.dumps(layer.spec()))).build(IMAGE, dtype="float64")
    np.testing.assert_array_equal(again.forward(x), layer.forward(x))


def test_the_error_function_is_that_of_the_standard_library():
    x = np.linspace(-8, 8, 4001)
    exact = np.array([erf(one) for one in x])
    assert np.abs(erf_of(x) - exact).max() < 4e-12
    assert erf_of(np.array([np.inf, -np.inf, np.nan])).tolist()[:2] == [1, -1]
    assert np.isnan(erf_of(np.array([np.nan]))[0])


def test_large_numbers_do_not_overflow():
    x = np.array([[-1000.0, 1000.0]], np.float32)
    for name, wanted in (("softplus", [0, 1000]), ("mish", [0, 1000]), ("swish", [0, 1000])):
        y = Elementwise(name, numbers(name)[:0] or (1.0,) * FUNCTIONS[name].numbers)
        assert y.build((2,)).forward(x)[0].tolist() == wanted


def test_the_halves_of_a_doubled_row_by_hand():
    """Half-pixel places of 4 from 2: -0.25, 0.25, 0.75, 1.25; beyond the edge it is repeated."""
    layer = Resample((0,), (4,)).build((2,))
    y = layer.forward(np.array([[0.0, 8.0]], np.float32))
    assert y.tolist() == [[0, 2, 6, 8]]


def test_numbers_keep_the_order_of_their_axes():
    x = np.arange(2 * 60, dtype=np.float32).reshape(2, *IMAGE)
    np.testing.assert_array_equal(Reshape((2, 5, 6)).build(IMAGE).forward(x), x.reshape(2, 2, 5, 6))
    y = Permute((2, 3, 1)).build(IMAGE).forward(x)
    np.testing.assert_array_equal(y, x.transpose(0, 2, 3, 1))
    y = Pad(((0, 0), (1, 0), (0, 1)), 9.0).build(IMAGE).forward(x)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)), constant_values=9))


def test_what_does_not_fit_is_refused():
    for call in (
        lambda: Elementwise("sinh"),
        lambda: Elementwise("power"),
        lambda: Reduce("median", (0,)),
        lambda: Resample((1,), (2,), filter="lanczos"),
        lambda: Reshape(6),
        lambda: Permute((0, 1)),
        lambda: Pad(((1, -1),)),
    ):
        with pytest.raises(ArgumentError):
            call()
    layers = (Reduce("sum", (3,)), Reduce("sum", (1, 1)), Take(0, (3,)), Resample((3,), (2,)))
    for layer in (*layers, Reshape((7,)), Permute((1,)), Pad(((1, 1),))):
        with pytest.raises(ShapeError):
            layer.build(IMAGE)
