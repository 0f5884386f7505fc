"""Fused stages give what the layers give one by one, forward, backward and in evaluation."""

import numpy as np
import pytest

from clearconv import (
    Activation,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvPool2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
    Sigmoid,
)
from clearconv.layers.stages.conv import ConvStage
from clearconv.models import resnet20


def conv(channels, size=3, **options):
    return Conv2d(channels, size, padding=size // 2, **options)


def dense(channels):
    new = [BatchNorm2d(), ReLU(), conv(6, 1), BatchNorm2d(), ReLU(), conv(channels, bias=False)]
    return Concat(Identity(), Sequential(*new, name=""))


NETS = {
    "convolution and pooling": lambda: Sequential(
        ConvPool2d(5, 3), conv(18, activation="relu"), MaxPool2d(2), Flatten(), Linear(3)
    ),
    "separate ReLU": lambda: Sequential(conv(5), ReLU(), MaxPool2d(2), conv(4), MaxPool2d(2)),
    "batch norm": lambda: Sequential(
        conv(16, bias=False), BatchNorm2d(), ReLU(), conv(5), BatchNorm2d(), conv(3)
    ),
    "depthwise": lambda: Sequential(
        conv(16),
        BatchNorm2d(),
        ReLU(),
        conv(16, groups=16, stride=2),
        BatchNorm2d(),
        ReLU(),
        conv(8, 1),
        BatchNorm2d(),
        ReLU(),
        GlobalAvgPool2d(),
    ),
    "ReLU6": lambda: Sequential(
        conv(8, activation="relu6", init=3.0),
        MaxPool2d(2),
        conv(16, bias=False, init=3.0),
        BatchNorm2d(),
        ReLU6(),
        conv(16, groups=16),
        BatchNorm2d(),
        Activation("relu6"),
        Residual(conv(16, 1), BatchNorm2d(), ReLU6(), activation="relu6"),
    ),
    "residual": lambda: Sequential(
        conv(4), Residual(conv(4), BatchNorm2d(), ReLU(), conv(4), BatchNorm2d(), activation="relu")
    ),
    "residual, shortcut": lambda: Residual(
        conv(6, stride=2),
        BatchNorm2d(),
        ReLU(),
        conv(6),
        BatchNorm2d(),
        shortcut=Sequential(conv(6, 1, stride=2), BatchNorm2d()),
        activation="relu",
    ),
    "residual of one stage": lambda: Sequential(conv(4), Residual(conv(4), activation="relu")),
    "residual, nothing behind": lambda: Sequential(conv(4), Residual(conv(4), ReLU(), conv(4))),
    "residual, sigmoid": lambda: Residual(conv(3), BatchNorm2d(), activation="sigmoid"),
    "residual, layers that hand on": lambda: Sequential(
        conv(4),
        Residual(conv(4), Identity(), Dropout(0), shortcut=Identity(), activation="relu"),
    ),
    "residual that ends in a ReLU": lambda: Residual(conv(3, activation="relu"), activation="relu"),
    "residual that ends in a pooling": lambda: Sequential(
        conv(4), Residual(conv(4), MaxPool2d(2), shortcut=AvgPool2d(2))
    ),
    "side by side": lambda: Sequential(
        Concat(conv(3), Sequential(conv(2), BatchNorm2d(), ReLU())), conv(4)
    ),
    "side by side, three ways": lambda: Sequential(
        conv(4),
        Concat(
            Sequential(conv(3), BatchNorm2d(), ReLU()),
            Identity(),
            MaxPool2d(3, 1, 1),
            Sequential(conv(5), BatchNorm2d()),
        ),
        BatchNorm2d(),
        ReLU(),
        conv(2, 1),
    ),
    "side by side on features": lambda: Sequential(
        Flatten(), Concat(Identity(), Linear(3), Sequential(Linear(4), BatchNorm2d())), Linear(2)
    ),
    "norm first": lambda: Sequential(BatchNorm2d(), ReLU(), conv(4), BatchNorm2d(), conv(17, 1)),
    "norm first, pooled": lambda: Sequential(conv(4), ReLU(), BatchNorm2d(), ReLU(), AvgPool2d(2)),
    "residual, norm first": lambda: Sequential(
        conv(4),
        Residual(BatchNorm2d(), ReLU(), conv(4), BatchNorm2d(), ReLU(), conv(4)),
        Residual(BatchNorm2d(), ReLU(), conv(4), shortcut=conv(4, 1), activation="relu"),
        BatchNorm2d(),
        ReLU(),
        GlobalAvgPool2d(),
    ),
    "densely connected": lambda: Sequential(
        conv(5), BatchNorm2d(), *(dense(size) for size in (3, 20, 1)), AvgPool2d(2), dense(2)
    ),
    "densely connected from the start": lambda: Sequential(dense(4), Sequential(dense(4), conv(2))),
    "densely connected, one": lambda: dense(3),
    "handed on twice": lambda: Sequential(conv(4), Concat(Identity(), Identity(name="b"))),
    "other activations": lambda: Sequential(conv(4, activation="tanh"), conv(3), Sigmoid()),
    "nested": lambda: Sequential(
        Sequential(conv(4, bias=False), BatchNorm2d()), Sequential(ReLU(), conv(3))
    ),
    "other poolings": lambda: Sequential(conv(4), MaxPool2d(3), conv(2), MaxPool2d(2, 1)),
    "too small to pool": lambda: Sequential(Conv2d(4, (9, 1)), MaxPool2d((1, 2))),
}


def assert_close(got, wanted, what):
    scale = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12 * scale, err_msg=what)


def pair(name, shape=(3, 9, 8)):
    nets = [NETS[name]().build(shape, seed=1, dtype="float64") for _ in range(2)]
    rng = np.random.default_rng(3)
    for path, value in nets[0].parameters.items():
        value[...] = rng.standard_normal(value.shape) + ("norm" in path)
        nets[1].parameters[path][...] = value
    return nets


@pytest.mark.parametrize("name", NETS)
def test_training_is_that_of_the_layers(name):
    fused, plain = pair(name)
    rng = np.random.default_rng(4)
    x = rng.standard_normal((5, 3, 9, 8))
    for _ in range(2):  # the second time on running statistics that moved, in recycled memory
        y = fused.forward(x, training=True)
        wanted = plain.forward(x, training=True, keep="all")
        assert_close(y, wanted, "y")
        grad_y = rng.standard_normal(y.shape)
        before = grad_y.copy()
        grad_x, wanted_x = fused.backward(grad_y), plain.backward(grad_y)
        assert_close(grad_x, wanted_x, "grad_x")
        np.testing.assert_array_equal(grad_y, before)  # it is the caller's
        for path, grad in fused.gradients.items():
            assert_close(grad, plain.gradients[path], path)
        for path, value in fused.store.buffers.items():
            assert_close(value, plain.store.buffers[path], path)


@pytest.mark.parametrize("name", NETS)
def test_evaluation_is_that_of_the_layers(name):
    net, _ = pair(name)
    rng = np.random.default_rng(5)
    for path, value in net.store.buffers.items():
        value[...] = rng.uniform(0.5, 2, value.shape)
        assert "running" in path
    x = rng.standard_normal((4, 3, 9, 8))
    inferred, recorded = net.forward(x), net.forward(x, keep="backward")
    grad_y = rng.standard_normal(recorded.shape)
    grad_x = net.backward(grad_y)
    assert_close(inferred, net.forward(x, keep="all"), "inference")
    assert_close(recorded, inferred, "recorded")
    assert_close(grad_x, net.backward(grad_y), "gradient in evaluation")


def test_resnet20_and_its_inner_arrays():
    net = resnet20().build((3, 16, 16), dtype="float64")
    x = np.random.default_rng(6).standard_normal((4, 3, 16, 16))
    state = net.state_dict()
    y = net.forward(x, training=True)
    grad_y = np.random.default_rng(7).standard_normal(y.shape)
    net.backward(grad_y, input_gradient=False)
    gradients = {path: grad.copy() for path, grad in net.gradients.items()}
    net.load_state_dict(state)
    assert_close(net.forward(x, training=True, keep="all"), y, "y")
    net.backward(grad_y, input_gradient=False)
    for path, grad in gradients.items():
        assert_close(net.gradients[path], grad, path)
    inner = net.tape.outputs["layer1.0.bn1"]
    assert inner.shape == (4, 16, 16, 16) and abs(inner.mean()) < 1e-9


def stages(net):
    return [step for step in net.steps.stages if isinstance(step, ConvStage)]


def test_what_is_fused():
    net = NETS["depthwise"]().build((3, 9, 8))
    assert [(s.norm is not None, s.relu, s.pool) for s in stages(net)] == [(True, True, False)] * 3
    net = NETS["ReLU6"]().build((3, 9, 8))
    assert [(s.relu, s.ceiling, s.pool) for s in stages(net)] == [
        (True, 6, True),
        (True, 6, False),
        (True, 6, False),
    ]
    net = NETS["convolution and pooling"]().build((3, 9, 8))
    assert [(s.relu, s.pool) for s in stages(net)] == [(True, True), (True, True)]
    assert not stages(NETS["too small to pool"]().build((3, 9, 8)))[0].pool


def test_what_is_densely_connected_shares_one_array():
    net = Sequential(conv(5), dense(3), dense(20), conv(1)).build((3, 9, 8))
    assert [type(step).__name__ for step in net.steps.stages] == [
        "ConvStage",
        "DenseGrowth",
        "ConvStage",
    ]
    x = np.random.default_rng(9).standard_normal((2, 3, 9, 8)).astype("f4")
    net.forward(x, training=True)
    first, last = (net.tape.saved[f"concat{n}.norm1"].x for n in (1, 2))
    assert first.shape[1] == 5 and last.shape[1] == 8
    assert first.base is not None and np.shares_memory(first, last)


def test_a_subclass_is_left_alone():
    class Twice(Conv2d):
        def _forward(self, x, context):
            y, saved = super()._forward(x, context)
            return 2 * y, saved

    net = Sequential(Twice(2, 3), ReLU()).build((1, 5, 5))
    assert not stages(net)
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 5)).astype("f4")
    plain = Sequential(Conv2d(2, 3), ReLU()).build((1, 5, 5))
    np.testing.assert_allclose(net.forward(x), 2 * plain.forward(x), rtol=1e-6)


def test_another_image_size():
    net = NETS["residual, shortcut"]().build((3, 9, 8), dtype="float64")
    x = np.random.default_rng(8).standard_normal((2, 3, 12, 10))
    assert_close(net.forward(x), net.forward(x, keep="all"), "y")
