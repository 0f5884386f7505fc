"""The article's printed numbers, digit for digit, through every telling."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from clearconv.article import (
    ConvLayer,
    IdentityActivator,
    MaxPoolingLayer,
    ReluActivator,
    gradient_check,
)
from clearconv.ops.tellings import available, backend

ROOT = Path(__file__).resolve().parents[2]
WORKED = json.loads((ROOT / "tests" / "reference" / "worked_example.json").read_text())


def layer_of_the_article():
    layer = ConvLayer(5, 5, 3, 3, 3, 2, 1, 2, IdentityActivator(), 0.001)
    for item, weights, bias in zip(
        layer.filters, WORKED["conv"]["weight"], WORKED["conv"]["bias"], strict=True
    ):
        item.weights, item.bias = np.array(weights, dtype=np.float64), bias
    return layer


@pytest.mark.parametrize("telling", available("conv2d"))
def test_conv_layer_gives_the_printed_numbers(telling):
    conv = WORKED["conv"]
    layer = layer_of_the_article()
    with backend(telling):
        layer.forward(conv["x"])
        np.testing.assert_array_equal(layer.output_array, conv["y"])
        delta = layer.backward(conv["x"], conv["grad_y"], IdentityActivator())
        np.testing.assert_array_equal(delta, conv["grad_x"])
        np.testing.assert_array_equal(layer.delta_array, conv["grad_x"])
        for item, weights, bias in zip(
            layer.filters, conv["grad_weight"], conv["grad_bias"], strict=True
        ):
            np.testing.assert_array_equal(item.weights_grad, weights)
            assert item.bias_grad == bias
        layer.update()
    for item, weights, bias in zip(
        layer.filters, conv["updated_weight"], conv["updated_bias"], strict=True
    ):
        np.testing.assert_allclose(item.get_weights(), weights, rtol=0, atol=1e-15)
        assert item.get_bias() == pytest.approx(bias, abs=1e-15)


@pytest.mark.parametrize(
    "telling", [name for name in available("conv2d") if name in available("activation")]
)
def test_first_figure_one_map_two_filters_relu_and_pool(telling):
    small = WORKED["small"]
    layer = ConvLayer(4, 4, 1, 2, 2, 2, 0, 1, ReluActivator(), 0.1)
    for item, weights in zip(layer.filters, np.array(small["weight"]), strict=True):
        item.weights = weights.reshape(1, 2, 2)
    image = np.array(small["x"]).reshape(4, 4)
    with backend(telling):
        out = layer.forward(image)
        assert out[0, 0, 0] == 1  # formula 2
        np.testing.assert_array_equal(out, small["relu"])
        np.testing.assert_array_equal(layer.forward(image[np.newaxis]), small["relu"])


@pytest.mark.parametrize("telling", available("max_pool2d"))
def test_max_pooling_layer(telling):
    pool = WORKED["pool"]
    layer = MaxPoolingLayer(4, 4, 2, 2, 2, 2)
    with backend(telling):
        np.testing.assert_array_equal(layer.forward(pool["x"]), pool["y"])
        np.testing.assert_array_equal(layer.backward(pool["x"], pool["grad_y"]), pool["grad_x"])
        np.testing.assert_array_equal(layer.delta_array, pool["grad_x"])
        out = WORKED["small"]["relu"]
        overlapping = MaxPoolingLayer(3, 3, 2, 2, 2, 1)
        np.testing.assert_array_equal(overlapping.forward(out), WORKED["small"]["pool_2_stride_1"])


def test_gradient_check_of_the_worked_example():
    layer = layer_of_the_article()
    found = gradient_check(layer, WORKED["conv"]["x"])
    assert found.ok, str(found)
    assert set(found.errors) == {"input_array", "weights", "bias"}
    np.testing.assert_array_equal(layer.filters[1].weights, WORKED["conv"]["weight"][1])
    assert layer.filters[0].bias == 1


def test_example_prints_what_the_article_prints(capsys):
    runpy.run_path(str(ROOT / "examples" / "article.py"))
    printed = capsys.readouterr().out
    assert (
        "[[[ 6.  7.  5.]\n  [ 3. -1. -1.]\n  [ 2. -1.  4.]]\n\n"
        " [[ 2. -5. -8.]\n  [ 1. -4. -4.]\n  [ 0. -5. -5.]]]" in printed
    )
    assert "array([[[-1.008,  0.99 , -0.009],\n        [-0.005,  0.994, -0.006]," in printed
    assert "       [[ -1.00400000e+00,  -6.00000000e-03,  -5.00000000e-03],\n" in printed
    assert "bias:\n0.99099999999999999\n" in printed
    assert "bias:\n-0.0070000000000000001\n" in printed
    assert "WRONG" not in printed
