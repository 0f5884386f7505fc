"""PaddlePaddle's two functions give the layers that their arguments describe."""

import numpy as np
import pytest

from clearconv.article import ReluActivator, img_conv_layer, simple_img_conv_pool
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Conv2d, Flatten, Linear, Sequential


def test_one_convolution_alone():
    layer = img_conv_layer(None, filter_size=3, num_filters=4)
    assert isinstance(layer, Conv2d)
    layer.build((2, 6, 5), seed=3)
    assert layer.output_shape == (4, 4, 3)
    assert layer(np.full((2, 6, 5), -1, "float32")).min() == 0  # ReLU where nothing is said
    assert np.all(layer.parameters["bias"] == 0)


def test_initial_weights_are_paddles():
    layer = img_conv_layer(None, filter_size=5, num_filters=200).build((8, 5, 5))
    wanted = np.sqrt(2 / (5**2 * 8))
    assert layer.parameters["weight"].std() == pytest.approx(wanted, rel=0.02)
    layer = img_conv_layer(None, 5, 200, param_attr=0.01).build((8, 5, 5))
    assert layer.parameters["weight"].std() == pytest.approx(0.01, rel=0.02)


def test_horizontal_comes_first():
    layer = img_conv_layer(
        None,
        filter_size=3,
        filter_size_y=5,
        num_filters=2,
        stride=(1, 2),
        padding=2,
        padding_y=0,
        dilation=2,
        dilation_y=1,
        bias_attr=False,
        act="identity",
    ).build((1, 11, 9))
    assert layer.parameters["weight"].shape == (2, 1, 5, 3)
    assert set(layer.parameters) == {"weight"}
    # rows: (11 - 5) / 2 + 1; columns: 9 + 2 * 2 - (2 * 2 + 1) + 1
    assert layer.output_shape == (2, 4, 9)


def test_groups_are_shares_of_the_filters():
    """32 filters in 4 groups are 32 filters of 64 channels each, not 128."""
    layer = img_conv_layer(None, filter_size=1, num_filters=32, groups=4).build((256, 3, 3))
    assert layer.parameters["weight"].shape == (32, 64, 1, 1)


def test_a_chain_is_continued_and_its_names_kept():
    net = simple_img_conv_pool(None, 5, 20, 2, name="first", pool_stride=2, num_channel=1)
    net = simple_img_conv_pool(net, 5, 50, 2, pool_stride=2, act=ReluActivator())
    net = img_conv_layer(net, 1, 8, num_channels=50)
    model = Sequential(net, Flatten(), Linear(10)).build((1, 28, 28))
    assert net.output_shape == (8, 4, 4)
    assert list(net.children) == ["first_conv", "first_pool", "conv1", "pool1", "conv2"]
    assert model.output_shape == (10,)
    single = img_conv_layer(Conv2d(3, 1), 3, 4)
    assert isinstance(single, Sequential)
    assert single.build((1, 5, 5)).output_shape == (4, 3, 3)


def test_a_named_sequential_keeps_its_name():
    net = img_conv_layer(Sequential(Conv2d(3, 1), name="body"), 3, 4)
    assert net.name == "body"
    assert list(net.children) == ["conv1", "conv2"]


def test_pooling_as_in_paddle():
    """Step 1 unless given; a last, incomplete window counts, and its mean is over its pixels."""
    assert simple_img_conv_pool(None, 1, 1, 2).build((1, 5, 5)).output_shape == (1, 4, 4)
    net = simple_img_conv_pool(
        None, 1, 1, 2, pool_type="avg", pool_stride=2, act="identity", param_attr=1.0
    ).build((1, 3, 3), dtype="float64")
    net.parameters["conv1.weight"][...] = 1
    x = np.array([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])
    np.testing.assert_allclose(net(x), [[[3, 4.5], [7.5, 9]]], rtol=1e-15)
    wide = simple_img_conv_pool(None, 1, 1, (3, 1), pool_stride=(2, 1)).build((1, 4, 7))
    assert wide.output_shape == (1, 4, 3)


def test_wrong_channels_are_found_at_build():
    with pytest.raises(ShapeError, match="in_channels=3"):
        img_conv_layer(None, 3, 4, num_channels=3).build((1, 5, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trans": True}, "trans=True asks for a transposed convolution, which is not offered"),
        ({"shared_biases": False}, "a bias for every position"),
        ({"layer_attr": {"drop_rate": 0.5}}, "an extra attribute"),
        ({"layer_type": "exconv"}, "layer_type='exconv'"),
        ({"bias_attr": "no"}, "None, True or False"),
        ({"act": ReluActivator}, r"such as ReluActivator\(\)"),
        ({"act": "swish"}, "register_activation"),
        ({"stride": (1, 2, 3)}, r"one pair \(horizontal, vertical\)"),
        ({"stride": (1, 2), "stride_y": 3}, "stride_y=3"),
        ({"input": np.ones((1, 5, 5))}, "input is a ndarray"),
    ],
)
def test_what_is_not_offered_says_so(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        img_conv_layer(**{"input": None, "filter_size": 3, "num_filters": 4, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shared_bias": False}, "a bias for every position"),
        ({"conv_layer_attr": 1}, "conv_layer_attr=1"),
        ({"pool_layer_attr": 1}, "pool_layer_attr=1"),
        ({"pool_type": "sum"}, "'max' or 'avg'"),
    ],
)
def test_what_is_not_offered_for_the_pair_says_so(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        simple_img_conv_pool(None, 3, 4, 2, **arguments)
