"""The norms that look at one image alone: what they promise, what they refuse, and PyTorch."""

import numpy as np
import pytest

from clearconv import BatchNorm2d, Conv2d, GroupNorm, InstanceNorm2d, LayerNorm, Sequential
from clearconv.errors import ShapeError

SHAPE = (6, 5, 4)
LAYERS = {
    "group": lambda: GroupNorm(3),
    "instance": lambda: InstanceNorm2d(affine=True),
    "layer": lambda: LayerNorm(),
}


def images(n, dtype="float64"):
    rng = np.random.default_rng(n)
    spread = rng.uniform(0.1, 7, (n, 6, 1, 1))
    return (spread * (3 + rng.standard_normal((n, *SHAPE)))).astype(dtype)


def drawn(layer, shape=SHAPE, dtype="float64"):
    """Build it, and draw its parameters."""
    layer.build(shape, dtype=dtype)
    rng = np.random.default_rng(1)
    layer.load_state_dict({k: rng.standard_normal(v.shape) for k, v in layer.state_dict().items()})
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_training_and_evaluation_do_the_same_and_no_image_sees_another(name):
    layer, x = drawn(LAYERS[name]()), images(5)
    y = layer.forward(x)
    np.testing.assert_array_equal(layer.forward(x, training=True), y)
    np.testing.assert_array_equal(layer.forward(x[3:4]), y[3:4])
    np.testing.assert_array_equal(layer.forward(x[3]), y[3])


@pytest.mark.parametrize(("name", "axes"), [("group", (2, 3, 4)), ("layer", (1, 2, 3, 4))])
def test_at_first_each_group_has_mean_0_and_deviation_1(name, axes):
    y = LAYERS[name]().build(SHAPE, dtype="float64").forward(images(4))
    groups = y.reshape(4, 3, 2, 5, 4)
    np.testing.assert_allclose(groups.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(groups.std(axis=axes), 1, atol=1e-3)


def test_parameters_have_pytorchs_shapes_and_do_not_decay():
    assert {k: v.shape for k, v in GroupNorm(2).build(SHAPE).parameters.items()} == {
        "weight": (6,),
        "bias": (6,),
    }
    assert LayerNorm().build(SHAPE).parameters["weight"].shape == SHAPE
    for plain in (
        GroupNorm(2, affine=False),
        InstanceNorm2d(),
        LayerNorm(elementwise_affine=False),
    ):
        assert not plain.build(SHAPE).parameters
    net = Sequential(Conv2d(6, 1), GroupNorm(2)).build((1, 5, 4))
    assert net.store.decayed == 6  # the convolution's weights alone


def test_the_shape_is_checked_at_build():
    with pytest.raises(ShapeError, match="GroupNorm.*6 channels, which do not fall into 4 groups"):
        GroupNorm(4).build(SHAPE)
    with pytest.raises(ShapeError, match=r"InstanceNorm2d.*\(6, 1, 1\), one number for each group"):
        InstanceNorm2d().build((6, 1, 1))
    with pytest.raises(ShapeError, match="GroupNorm 'norm1': the input has 7 channels"):
        Sequential(GroupNorm(3)).build(SHAPE).forward(np.zeros((2, 7, 5, 4), "float32"))


def test_another_image_size_suits_all_but_a_layer_norm_that_learnt_one():
    larger = np.zeros((2, 6, 8, 7), "float32")
    for layer in (GroupNorm(2), InstanceNorm2d(affine=True), LayerNorm(elementwise_affine=False)):
        assert layer.build(SHAPE).forward(larger).shape == larger.shape
    with pytest.raises(ShapeError, match="LayerNorm.*336 numbers.*was built for 120.*image size"):
        LayerNorm().build(SHAPE).forward(larger)


def test_they_stand_beside_batch_norm_behind_a_convolution():
    """A container takes batch norm into its fused stages, and must leave these alone."""
    x = images(3)
    net = Sequential(Conv2d(4, 3, activation="relu"), GroupNorm(2), Conv2d(4, 2), BatchNorm2d())
    net.build(SHAPE, dtype="float64")
    fused = net.forward(x, training=True)
    apart = net.forward(x, training=True, keep="all")
    np.testing.assert_allclose(fused, apart, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*LAYERS, "layer of features"])
def test_against_pytorch(name):
    torch = pytest.importorskip("torch")
    shape = (12,) if name == "layer of features" else SHAPE
    layer = drawn(LAYERS[name.split()[0]](), shape)
    theirs = {
        "group": lambda: torch.nn.GroupNorm(3, 6),
        "instance": lambda: torch.nn.InstanceNorm2d(6, affine=True),
        "layer": lambda: torch.nn.LayerNorm(shape),
    }[name.split()[0]]().double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    rng = np.random.default_rng(2)
    x, grad_y = rng.standard_normal((2, 4, *shape))
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor)
    expected.backward(torch.tensor(grad_y))
    y = layer.forward(x, training=True)
    grad_x = layer.backward(grad_y)
    assert np.max(np.abs(y - expected.detach().numpy())) < 1e-12
    assert np.max(np.abs(grad_x - tensor.grad.numpy())) < 1e-12
    for path, parameter in theirs.named_parameters():
        assert np.max(np.abs(layer.gradients[path] - parameter.grad.numpy())) < 1e-12
