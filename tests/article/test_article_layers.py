"""The article's layers beyond its example: the sizes and cases in which its program went wrong."""

import itertools

import numpy as np
import pytest

from clearconv.article import (
    ConvLayer,
    Filter,
    IdentityActivator,
    MaxPoolingLayer,
    ReluActivator,
    SigmoidActivator,
    TanhActivator,
    gradient_check,
)
from clearconv.errors import ArgumentError, ShapeError

# input width, height, channels; filter width, height, number; padding; stride
GEOMETRIES = [
    (6, 4, 2, 3, 2, 3, 0, 1),  # rectangular image, kernel wider than high
    (4, 7, 1, 2, 4, 2, 0, 1),  # kernel higher than wide
    (7, 6, 2, 3, 3, 2, 1, 2),  # leftover columns
    (8, 5, 3, 2, 3, 1, 2, 3),  # padding as large as the kernel is wide
    (5, 5, 1, 3, 3, 1, 3, 2),  # padding as large as the kernel
    (5, 6, 2, 1, 1, 2, 0, 4),  # stride larger than the kernel
]


def random_layer(geometry, activator, seed=0):
    rng = np.random.default_rng(seed)
    layer = ConvLayer(*geometry, activator, 0.1)
    for item in layer.filters:
        item.weights = rng.standard_normal(item.weights.shape)
        item.bias = rng.standard_normal()
    width, height, channels = geometry[:3]
    return layer, rng.standard_normal((channels, height, width))


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forward_by_its_definition(geometry):
    width, height, channels, fw, fh, number, zp, stride = geometry
    layer, x = random_layer(geometry, IdentityActivator())
    y = layer.forward(x)
    padded = np.zeros((channels, height + 2 * zp, width + 2 * zp))
    padded[:, zp : zp + height, zp : zp + width] = x
    OH = ConvLayer.calculate_output_size(height, fh, zp, stride)
    OW = ConvLayer.calculate_output_size(width, fw, zp, stride)
    assert y.shape == (number, layer.output_height, layer.output_width) == (number, OH, OW)
    for f, i, j in itertools.product(range(number), range(OH), range(OW)):
        patch = padded[:, i * stride : i * stride + fh, j * stride : j * stride + fw]
        net = np.sum(patch * layer.filters[f].weights) + layer.filters[f].bias
        assert y[f, i, j] == pytest.approx(net, abs=1e-12)


@pytest.mark.parametrize(
    "activator", [IdentityActivator(), ReluActivator(), SigmoidActivator(), TanhActivator()]
)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_numerically(geometry, activator):
    found = gradient_check(*random_layer(geometry, activator))
    assert found.ok, str(found)


def test_gradient_check_finds_a_mistake():
    class Forgetful(ConvLayer):
        def bp_gradient(self, sensitivity_array):
            super().bp_gradient(sensitivity_array)
            for item in self.filters:
                item.weights_grad = item.weights_grad[:, ::-1, ::-1]  # turned by mistake

    _, x = random_layer(GEOMETRIES[0], IdentityActivator())
    found = gradient_check(Forgetful(*GEOMETRIES[0], IdentityActivator(), 0.1), x)
    assert not found.ok
    assert found.errors["weights"] > 0.1
    assert max(found.errors["bias"], found.errors["input_array"]) < 1e-5


def test_a_chain_conv_relu_pool_conv_trains_on_right_gradients():
    """The error terms pass through pooling and both activators; E = 1/2 sum of squares."""
    first, x = random_layer((6, 5, 2, 3, 2, 3, 0, 1), ReluActivator())  # 3 maps of 4x4
    pool = MaxPoolingLayer(4, 4, 3, 2, 2, 1)  # overlapping: 3x3
    last, _ = random_layer((3, 3, 3, 2, 2, 2, 0, 1), SigmoidActivator(), seed=1)

    def error():
        return 0.5 * np.sum(last.forward(pool.forward(first.forward(x))) ** 2)

    error()
    out = last.output_array
    delta = out * out * (1 - out)  # dE/dout times f'(net)
    pooled = last.backward(pool.output_array, delta, IdentityActivator())
    delta = pool.backward(first.output_array, pooled, ReluActivator())
    first.backward(x, delta, IdentityActivator())
    step = 1e-6
    for layer in (first, last):
        for item in layer.filters:
            for place in np.ndindex(item.weights.shape):
                ends = []
                for sign in (1, -2):
                    item.weights[place] += sign * step
                    ends.append(error())
                item.weights[place] += step
                numeric = (ends[0] - ends[1]) / (2 * step)
                assert item.weights_grad[place] == pytest.approx(numeric, abs=1e-7)
    before = error()
    first.update()
    last.update()
    assert error() < before


def test_overlapping_windows_add_up():
    """The 9 wins in all four windows and collects from each."""
    x = np.array([[[1, 2, 3], [4, 9, 5], [6, 7, 8]]])
    layer = MaxPoolingLayer(3, 3, 1, 2, 2, 1)
    np.testing.assert_array_equal(layer.forward(x), [[[9, 9], [9, 9]]])
    delta = layer.backward(x, np.ones((1, 2, 2)))
    np.testing.assert_array_equal(delta, [[[0, 0, 0], [0, 4, 0], [0, 0, 0]]])


def test_rectangular_pooling_of_one_map():
    x = np.arange(12.0).reshape(3, 4)
    layer = MaxPoolingLayer(4, 3, 1, 2, 3, 2)  # windows 2 wide, 3 high
    np.testing.assert_array_equal(layer.forward(x), [[[9, 11]]])
    delta = layer.backward(x, [[[5, 7]]])
    assert delta.shape == (3, 4)
    assert (delta[2, 1], delta[2, 3], delta.sum()) == (5, 7, 12)


def test_pooling_turns_into_error_terms_with_the_activator_before_it():
    x = np.array([[[0.0, 0.0], [0.0, 0.0]]])  # what a ReLU has cut off everywhere
    layer = MaxPoolingLayer(2, 2, 1, 2, 2, 2)
    assert layer.backward(x, [[[3.0]]]).sum() == 3
    assert layer.backward(x, [[[3.0]]], ReluActivator()).sum() == 0


def test_activators_on_numbers_and_arrays():
    net = np.array([-2.0, 0.0, 0.5])
    np.testing.assert_array_equal(ReluActivator().forward(net), [0, 0, 0.5])
    np.testing.assert_array_equal(ReluActivator().backward(np.array([0, 0, 0.5])), [0, 0, 1])
    assert ReluActivator().forward(-3) == 0
    assert SigmoidActivator().forward(0) == 0.5
    assert SigmoidActivator().backward(0.25) == 0.25 * 0.75
    assert TanhActivator().backward(0.5) == 0.75
    assert TanhActivator().forward(0.3) == pytest.approx(np.tanh(0.3), abs=1e-15)
    np.testing.assert_array_equal(IdentityActivator().forward(net), net)
    np.testing.assert_array_equal(IdentityActivator().backward(net), [1, 1, 1])


def test_an_activator_of_your_own_works_on_single_numbers():
    class Steep:
        def forward(self, weighted_input):
            return 2 * weighted_input if weighted_input > 0 else 0.5 * weighted_input

        def backward(self, output):
            return 2 if output > 0 else 0.5

    layer, x = random_layer(GEOMETRIES[2], Steep())
    assert gradient_check(layer, x).ok
    plain, _ = random_layer(GEOMETRIES[2], IdentityActivator())
    net = plain.forward(x)
    np.testing.assert_array_equal(layer.forward(x), np.where(net > 0, 2 * net, 0.5 * net))


def test_filter():
    item = Filter(3, 2, 4)
    assert item.get_weights().shape == (4, 2, 3)
    assert 0 < np.abs(item.weights).max() <= 1e-4
    assert item.get_bias() == 0
    item.weights_grad = np.full((4, 2, 3), 2.0)
    item.bias_grad = 3.0
    before = item.weights.copy()
    item.update(0.5)
    np.testing.assert_array_equal(item.weights, before - 1)
    assert item.bias == -1.5
    assert repr(item).startswith("filter weights:\narray([[[")
    assert repr(item).endswith("]]])\nbias:\n-1.5")


def test_filters_differ_and_follow_the_seed():
    first, same, other = (
        ConvLayer(5, 5, 1, 3, 3, 2, 0, 1, ReluActivator(), 0.1, seed=seed) for seed in (0, 0, 1)
    )
    assert np.any(first.filters[0].weights != first.filters[1].weights)
    assert np.any(first.filters[0].weights != other.filters[0].weights)
    np.testing.assert_array_equal(first.filters[0].weights, same.filters[0].weights)


def test_errors_name_what_is_wrong():
    with pytest.raises(ArgumentError, match=r"Write ReluActivator\(\)"):
        ConvLayer(5, 5, 1, 3, 3, 2, 0, 1, ReluActivator, 0.1)
    with pytest.raises(ShapeError, match="ConvLayer: the input's width is 2"):
        ConvLayer(2, 5, 1, 3, 3, 2, 0, 1, ReluActivator(), 0.1)
    layer, x = random_layer(GEOMETRIES[0], ReluActivator())
    with pytest.raises(ShapeError, match="width first"):
        layer.forward(x.transpose(0, 2, 1))
    with pytest.raises(ShapeError, match="one error term for each output"):
        layer.backward(x, np.ones((3, 1, 1)), IdentityActivator())
    layer.filters[1].weights = np.ones((2, 3, 2))
    with pytest.raises(ShapeError, match=r"filters\[1\].weights has shape \(2, 3, 2\)"):
        layer.forward(x)
    with pytest.raises(ShapeError, match="MaxPoolingLayer: input_array has shape"):
        MaxPoolingLayer(4, 3, 1, 2, 2, 2).forward(np.ones((4, 3)))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (0, "input_width"),
        (1, "input_height"),
        (2, "channel_number"),
        (3, "filter_width"),
        (4, "filter_height"),
        (5, "filter_number"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, 5.0, "5", True])
def test_sizes_that_are_no_counts(place, name, value):
    sizes = [5, 5, 3, 3, 3, 2]
    sizes[place] = value
    with pytest.raises(ArgumentError, match=f"ConvLayer: {name}={value!r}.*at least 1"):
        ConvLayer(*sizes, 1, 2, IdentityActivator(), 0.1)
    if name != "filter_number":
        with pytest.raises(ArgumentError, match=f"MaxPoolingLayer: {name}={value!r}.*at least 1"):
            MaxPoolingLayer(*sizes[:5], 2)


@pytest.mark.parametrize("stride", [0, 1.5])
def test_a_step_that_is_no_count(stride):
    with pytest.raises(ArgumentError, match=f"ConvLayer: stride={stride}"):
        ConvLayer(5, 5, 3, 3, 3, 2, 1, stride, IdentityActivator(), 0.1)
    with pytest.raises(ArgumentError, match=f"MaxPoolingLayer: stride={stride}"):
        MaxPoolingLayer(5, 5, 3, 2, 2, stride)
