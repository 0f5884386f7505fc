"""Layers: objects that own parameters; containers, which own the wiring; the tape."""

from importlib import import_module
from pathlib import Path

from clearconv.layers.activation.activations import (
    Activation,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from clearconv.layers.activation.kinds import register_activation
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.base.spec import register_layer
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.convolution.conv2d import Conv2d
from clearconv.layers.convolution.conv_transpose2d import ConvTranspose2d
from clearconv.layers.convolution.linear import Linear
from clearconv.layers.elementary.choices import Choose, Compare
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.matmul import MatMul
from clearconv.layers.elementary.pairs import Larger, Power, Smaller
from clearconv.layers.elementary.reduce import Reduce
from clearconv.layers.elementary.resample import Resample
from clearconv.layers.elementary.take import Take
from clearconv.layers.elementwise.arithmetic import Add, Divide, Multiply, Subtract
from clearconv.layers.elementwise.constant import Constant
from clearconv.layers.loading import from_spec
from clearconv.layers.norm.batch_norm2d import BatchNorm2d
from clearconv.layers.norm.group_norm import GroupNorm, InstanceNorm2d, LayerNorm
from clearconv.layers.pooling.pool2d import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from clearconv.layers.regularisation.dropout import Dropout
from clearconv.layers.shape.flatten import Flatten
from clearconv.layers.shape.join import Join
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape
from clearconv.layers.shape.upsample import Upsample
from clearconv.layers.wiring.concat import Concat
from clearconv.layers.wiring.conv_pool2d import ConvPool2d
from clearconv.layers.wiring.graph import Graph
from clearconv.layers.wiring.residual import Residual
from clearconv.layers.wiring.sequential import Sequential

__all__ = [
    "Activation",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool2d",
    "BatchNorm2d",
    "Choose",
    "Compare",
    "Concat",
    "Constant",
    "Context",
    "Conv2d",
    "ConvPool2d",
    "ConvTranspose2d",
    "Divide",
    "Dropout",
    "Elementwise",
    "Flatten",
    "GlobalAvgPool2d",
    "Graph",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "InstanceNorm2d",
    "Join",
    "Larger",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MatMul",
    "MaxPool2d",
    "MultiInput",
    "Multiply",
    "Node",
    "Pad",
    "Permute",
    "Power",
    "ReLU",
    "ReLU6",
    "Reduce",
    "Resample",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Smaller",
    "Softmax",
    "Subtract",
    "Take",
    "Tanh",
    "Tape",
    "Upsample",
    "from_spec",
    "register_activation",
    "register_layer",
]

# Layers that are not named above are registered too, so that models with them can be loaded.
_room = Path(__file__).parent
for _file in sorted(_room.rglob("[!_]*.py")):
    import_module(".".join((__name__, *_file.relative_to(_room).with_suffix("").parts)))
