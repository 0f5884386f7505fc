"""PaddlePaddle's functions give the layers that their arguments describe."""

import numpy as np
import pytest

from clearconv.article import (
    ExtraAttr,
    ParamAttr,
    ParameterAttribute,
    ReluActivator,
    SigmoidActivator,
    img_conv_layer,
    img_pool_layer,
    simple_img_conv_pool,
)
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Conv2d, ConvTranspose2d, Dropout, Flatten, Linear, Sequential


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


# -- initialisation by attribute


@pytest.mark.parametrize(
    ("attribute", "mean", "deviation"),
    [
        (ParamAttr(initial_mean=0.5, initial_std=0.2), 0.5, 0.2),
        (ParamAttr(initial_std=0.2), 0, 0.2),
        (ParamAttr(initial_mean=-2), -2, 0.01),  # the deviation where nothing is said
        (ParamAttr(initial_min=-1, initial_max=3), 1, 4 / np.sqrt(12)),
        (ParamAttr(), 0, np.sqrt(2 / (5**2 * 8))),
        (ParameterAttribute(learning_rate=1.0), 0, np.sqrt(2 / (5**2 * 8))),
    ],
)
def test_weights_start_as_the_attribute_says(attribute, mean, deviation):
    layer = img_conv_layer(None, 5, 200, param_attr=attribute).build((8, 5, 5), dtype="float64")
    weight = layer.parameters["weight"]  # 40,000 numbers
    assert weight.mean() == pytest.approx(mean, abs=0.025 * deviation)
    assert weight.std() == pytest.approx(deviation, rel=0.02)
    if attribute.initial_max is not None:
        assert -1 <= weight.min() < -0.99 and 2.99 < weight.max() <= 3
    assert not layer.parameters["bias"].any()


def test_biases_start_as_their_attribute_says():
    attribute = ParamAttr(initial_mean=2, initial_std=0)
    layer = img_conv_layer(None, 3, 4, bias_attr=attribute).build((2, 6, 5))
    np.testing.assert_array_equal(layer.parameters["bias"], np.full(4, 2, "float32"))
    for attribute in (True, None, ParamAttr()):
        layer = img_conv_layer(None, 3, 4, bias_attr=attribute).build((2, 6, 5))
        assert not layer.parameters["bias"].any()
    even = ParamAttr(initial_min=0.5, initial_max=1)
    net = simple_img_conv_pool(None, 3, 400, 2, bias_attr=even).build((2, 6, 5))
    bias = net.parameters["conv1.bias"]
    assert 0.5 <= bias.min() < 0.51 and 0.99 < bias.max() <= 1


def test_a_bias_for_every_position():
    layer = img_conv_layer(
        None, 3, 4, shared_biases=False, bias_attr=ParamAttr(initial_std=1), act="identity"
    ).build((2, 6, 5), dtype="float64")
    assert layer.parameters["bias"].shape == (4, 4, 3)
    np.testing.assert_array_equal(layer(np.zeros((2, 6, 5))), layer.parameters["bias"])
    net = simple_img_conv_pool(None, 3, 4, 2, shared_bias=False).build((2, 6, 5))
    assert net.parameters["conv1.bias"].shape == (4, 4, 3)


def test_an_attribute_drops():
    layer = img_conv_layer(None, 3, 4, layer_attr=ExtraAttr(drop_rate=0.25, device=-1))
    conv, drop = layer.children.values()
    assert isinstance(conv, Conv2d) and isinstance(drop, Dropout) and drop.p == 0.25
    assert isinstance(img_conv_layer(None, 3, 4, layer_attr=ExtraAttr()), Conv2d)
    net = simple_img_conv_pool(None, 3, 4, 2, conv_layer_attr=ExtraAttr(drop_rate=0.5))
    assert list(net.children) == ["conv1", "dropout1", "pool1"]


# -- the transpose, and everything at once, against others


def test_a_transposed_convolution():
    """Sizes are (input - 1) * stride + filter - 2 * padding; one pixel becomes the filter."""
    layer = img_conv_layer(
        None, filter_size=4, filter_size_y=2, num_filters=3, stride=2, padding=(1, 0), trans=True,
        act="identity", bias_attr=False,
    ).build((2, 5, 6), dtype="float64")  # fmt: skip
    assert isinstance(layer, ConvTranspose2d)
    assert layer.output_shape == (3, 4 * 2 + 2, 5 * 2 + 4 - 2)
    weight = layer.parameters["weight"]
    assert weight.shape == (2, 3, 2, 4)
    x = np.zeros((2, 5, 6))
    x[1, 2, 3] = 2
    expected = np.zeros((3, 10, 12))
    expected[:, 4:6, 5:9] = 2 * weight[1]  # columns from 3 * 2 - 1
    np.testing.assert_allclose(layer(x), expected)


@pytest.mark.oracle
@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_everything_at_once_against_pytorch(trans, shared):
    torch = pytest.importorskip("torch")
    how = {"groups": 2, "trans": trans, "shared_biases": shared, "act": SigmoidActivator()}
    layer = img_conv_layer(
        None,
        filter_size=(2, 3),
        num_filters=4,
        num_channels=6,
        stride=(1, 2),
        padding=1,
        padding_y=2,
        dilation=(3, 1),
        param_attr=ParamAttr(initial_std=0.3),
        bias_attr=ParamAttr(initial_min=-1, initial_max=1),
        **how,
    ).build((6, 9, 11), dtype="float64")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 6, 9, 11))
    y = layer.forward(x, training=True)
    grad_y = rng.standard_normal(y.shape)
    grad_x = layer.backward(grad_y)
    names = ("weight", "bias")
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *map(layer.parameters.get, names))]
    function = getattr(torch.nn.functional, "conv_transpose2d" if trans else "conv2d")
    net = function(  # rows first
        *tensors[:2], stride=(2, 1), padding=(2, 1), dilation=(1, 3), groups=2
    )
    bias = tensors[2][:, None, None] if shared else tensors[2]
    theirs = torch.sigmoid(net + bias)
    theirs.backward(torch.tensor(grad_y))
    np.testing.assert_allclose(y, theirs.detach().numpy(), atol=1e-12)
    ours = (grad_x, *map(layer.gradients.get, names))
    for mine, tensor in zip(ours, tensors, strict=True):
        np.testing.assert_allclose(mine, tensor.grad.numpy(), atol=1e-11)


def test_pooling_alone():
    pool = img_pool_layer(None, pool_size=2, pool_size_y=3, stride=(2, 1)).build((1, 5, 5))
    assert pool.output_shape == (1, 3, 3)  # of columns a last, incomplete window
    pool = img_pool_layer(None, 2, stride=2, ceil_mode=False).build((1, 5, 5))
    assert pool.output_shape == (1, 2, 2)
    corner = {"padding": 1, "stride": 2, "pool_type": "avg"}
    x = np.full((1, 4, 4), 8, "float32")
    assert img_pool_layer(None, 2, **corner).build((1, 4, 4))(x)[0, 0, 0] == 8
    counted = img_pool_layer(None, 2, **corner, exclude_mode=False).build((1, 4, 4))
    assert counted(x)[0, 0, 0] == 2
    net = img_pool_layer(Conv2d(3, 1), 2, name="last")
    assert list(net.children) == ["conv1", "last"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ParamAttr(name="w"), "name='w' is not supported.*name= to the layer"),
        (lambda: ParamAttr(is_static=True), "is_static=True is not supported.*model.freeze"),
        (lambda: ParamAttr(l2_rate=1e-4), "l2_rate=0.0001 is not supported.*weight_decay"),
        (lambda: ParamAttr(learning_rate=0.1), "learning_rate=0.1 is not supported"),
        (lambda: ParamAttr(initializer=np.zeros), r"initializer=.*model.parameters\[path\]"),
        (lambda: ParamAttr(initial_max=1), "initial_max=1.*both ends"),
        (lambda: ParamAttr(initial_min=1, initial_max=1), "both ends"),
        (lambda: ParamAttr(initial_std=1, initial_min=0), "define two distributions"),
        (lambda: ParamAttr(initial_std=-1), "initial_std=-1.*at least 0"),
        (lambda: ParamAttr(initial_mean="0"), "initial_mean='0'.*a number"),
        (lambda: ExtraAttr(device=0), "device=0.*the CPU"),
        (lambda: ExtraAttr(drop_rate=1), "drop_rate=1.*0 <= drop_rate < 1"),
        (lambda: ExtraAttr(error_clipping_threshold=1.0), "gradients are not clipped"),
        (lambda: img_pool_layer(None, 2, pool_type="sum"), "'max' or 'avg'"),
        (lambda: img_pool_layer(None, 2, layer_attr=1), "layer_attr=1"),
    ],
)
def test_attributes_that_cannot_be_kept_say_so(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_attr": {"drop_rate": 0.5}}, r"an ExtraAttr is needed, such as ExtraAttr\("),
        ({"layer_type": "cudnn_conv"}, "layer_type='cudnn_conv' with trans=False.*on the CPU"),
        ({"layer_type": "exconv", "trans": True}, "layer_type='exconv' with trans=True"),
        ({"bias_attr": "no"}, "None, True, False or a ParamAttr"),
        ({"param_attr": "gauss"}, "init='gauss'"),
        ({"act": ReluActivator}, r"such as ReluActivator\(\)"),
        ({"act": "swish"}, "register_activation"),
        ({"stride": (1, 2, 3)}, r"one pair \(horizontal, vertical\)"),
        ({"stride": (1, 2), "stride_y": 3}, "stride_y=3"),
        ({"input": np.ones((1, 5, 5))}, "input is a ndarray"),
    ],
)
def test_what_is_not_offered_says_so(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        net = img_conv_layer(**{"input": None, "filter_size": 3, "num_filters": 4, **arguments})
        net.build((2, 6, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"conv_layer_attr": 1}, "conv_layer_attr=1"),
        ({"pool_layer_attr": 1}, "pool_layer_attr=1"),
        ({"pool_type": "sum"}, "'max' or 'avg'"),
    ],
)
def test_what_is_not_offered_for_the_pair_says_so(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        simple_img_conv_pool(None, 3, 4, 2, **arguments)
