"""Relu, Clip, LeakyRelu, Sigmoid, Tanh, HardSigmoid, Mul: the activations."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.activate import activated
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import (
    Activation,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Tanh,
)

LAYERS = (
    *(Activation, Hardsigmoid, Hardswish, Identity, LeakyReLU),
    *(ReLU, ReLU6, Sigmoid, SiLU, Tanh),
)


def write(node: Activation, inputs: Sequence[str], to: Writer) -> str:
    """Write the operators of the layer's kind; none for the identity."""
    return activated(node.kind, inputs[0], to, node.slope)
