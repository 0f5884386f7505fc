"""Every kind of layer: each element of each quantity is what its explanation comes to."""

import numpy as np
import pytest

from clearconv import (
    Activation,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvPool2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Identity,
    InstanceNorm2d,
    LayerNorm,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Upsample,
    trace,
)

SHAPE = (4, 7, 6)
UNIFORM = ("uniform", -1, 1)

LAYERS = {
    "conv": lambda: Conv2d(6, (3, 2), stride=(2, 1), padding=((1, 0), (0, 2))),
    "conv same": lambda: Conv2d(3, (4, 3), padding="same", stride=2),
    "conv dilated": lambda: Conv2d(3, 2, dilation=(3, 2), padding=1, activation="silu"),
    "conv groups": lambda: Conv2d(6, 3, groups=2, stride=2, bias=False, activation="relu"),
    "conv depthwise": lambda: Conv2d(8, 3, groups=4, padding=(2, 0)),
    "conv bias by position": lambda: Conv2d(2, 3, shared_biases=False, bias_init=UNIFORM),
    "conv padded beyond": lambda: Conv2d(2, 2, padding=3, stride=3, activation="leaky_relu"),
    "transposed": lambda: ConvTranspose2d(3, (3, 2), stride=(2, 1), padding=((1, 0), (0, 1))),
    "transposed groups": lambda: ConvTranspose2d(
        6, 3, stride=3, output_padding=(2, 1), groups=2, activation="relu"
    ),
    "transposed dilated": lambda: ConvTranspose2d(2, 3, dilation=2, padding=2, bias=False),
    "transposed bias by position": lambda: ConvTranspose2d(
        2, 2, shared_biases=False, bias_init=UNIFORM
    ),
    "max": lambda: MaxPool2d(2),
    "max overlapping": lambda: MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), ceil_mode=True),
    "max dilated": lambda: MaxPool2d(2, stride=1, dilation=(3, 2)),
    "average": lambda: AvgPool2d((3, 2), stride=2, padding=((1, 1), (0, 1))),
    "average of pixels": lambda: AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "average ceil": lambda: AvgPool2d(3, stride=2, padding=(1, 0), ceil_mode=True, dilation=(2, 1)),
    "global": lambda: GlobalAvgPool2d(),
    "adaptive": lambda: AdaptiveAvgPool2d((3, 4)),
    "adaptive larger": lambda: AdaptiveAvgPool2d((9, None)),
    "upsample": lambda: Upsample(scale_factor=(2, 1.5)),
    "upsample bilinear": lambda: Upsample(size=(5, 11), mode="bilinear"),
    "upsample corners": lambda: Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "batch norm": lambda: BatchNorm2d(),
    "group norm": lambda: GroupNorm(2),
    "group norm plain": lambda: GroupNorm(4, affine=False),
    "instance norm": lambda: InstanceNorm2d(affine=True),
    "layer norm": lambda: LayerNorm(),
    "layer norm plain": lambda: LayerNorm(elementwise_affine=False),
    "dropout": lambda: Dropout(0.4),
    "no dropout": lambda: Dropout(0.0),
    "flatten": lambda: Flatten(),
    "softmax": lambda: Softmax(),
    "identity": lambda: Identity(),
    "conv and pool": lambda: ConvPool2d(3, 2, 2, pool_stride=1),
    "conv and average": lambda: ConvPool2d(3, 2, (3, 2), pool="avg", activation="tanh"),
    "residual": lambda: Residual(Conv2d(4, 3, padding=1), BatchNorm2d(), activation="relu"),
    "residual with shortcut": lambda: Residual(
        Conv2d(3, 3, padding=1, stride=2), ReLU(), shortcut=Conv2d(3, 1, stride=2)
    ),
    "residual of nothing": lambda: Residual(),
    "concat": lambda: Concat(Identity(), Conv2d(2, 3, padding=1), Sequential(ReLU())),
    "nested": lambda: Residual(
        Residual(Concat(Conv2d(3, 1), Conv2d(1, 1)), activation="sigmoid"), shortcut=Residual()
    ),
    **{
        kind: lambda kind=kind: Activation(kind, slope=0.3)
        for kind in (
            *("relu", "relu6", "leaky_relu", "sigmoid", "tanh"),
            *("hardsigmoid", "hardswish", "silu", "identity"),
        )
    },
}  # fmt: skip

ROWS = {
    "linear": lambda: Linear(3, activation="relu"),
    "linear without bias": lambda: Linear(3, bias=False),
    "batch norm of rows": lambda: BatchNorm2d(),
    "group norm of rows": lambda: GroupNorm(2),
    "layer norm of rows": lambda: LayerNorm(),
    "dropout of rows": lambda: Dropout(0.5),
    "softmax of rows": lambda: Softmax(),
    "residual of rows": lambda: Residual(Linear(4)),
    "concat of rows": lambda: Concat(Linear(2), Identity()),
}


def numbers(*shape, dtype="float64"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype) * 2


def traced(make, shape, dtype, training):
    model = Sequential(make()).build(shape, seed=3, dtype=dtype)
    for path, array in model.store.buffers.items():
        array[...] = 0.7 if "mean" in path else 1.3  # not those it starts with
    for path, array in model.parameters.items():
        if "norm" in path:
            array[...] = numbers(*array.shape)
    y = model.forward(numbers(3, *shape, dtype=dtype))
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    images = numbers(3, *shape, dtype=dtype)
    return trace(model, images[0], batch=images[1:], grad_y=grad, training=training)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", LAYERS)
def test_elements_of_maps_add_up(adds_up, name, training):
    recorded = traced(LAYERS[name], SHAPE, "float64", training)
    assert adds_up(recorded, most=40, tolerance=1e-12) > 60


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", ROWS)
def test_elements_of_rows_add_up(adds_up, name, training):
    recorded = traced(ROWS[name], (4,), "float64", training)
    assert adds_up(recorded, tolerance=1e-12) > 30


@pytest.mark.parametrize("name", LAYERS)
def test_in_single_precision(adds_up, name):
    assert adds_up(traced(LAYERS[name], SHAPE, "float32", True), most=10) > 15
