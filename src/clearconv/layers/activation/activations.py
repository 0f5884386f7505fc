"""Activations as layers."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.layers.activation.kinds import activate, calls_of, check_kind, deactivate
from clearconv.layers.base.arguments import by_position
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import activation, softmax


class Activation(Layer):
    """An elementwise function.

    Parameters
    ----------
    kind : str
        "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hardsigmoid", "hardswish", "silu",
        "identity", or a registered name.
    slope : float
        Slope of "leaky_relu" for negative inputs.
    name : str, optional
        Its part of the path.
    """

    prefix = "activation"
    operation = activation

    def __init__(self, kind: str, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name, kind=check_kind(kind), slope=slope)
        self.kind, self.slope = kind, slope

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return calls_of(self.kind)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return activate(self.kind, x, self.slope)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return deactivate(self.kind, grad_y, saved)


_NOT_IN_PLACE = "Layers never write into their input, so there is no inplace."


class _WithoutSettings(Activation):
    """An activation whose kind is its prefix, and which takes only a name."""

    why = "It has no settings."  # what an argument is answered with

    def __init__(self, *positional: Any, name: str | None = None) -> None:
        if positional:
            by_position(type(self).__name__, positional, self.why)
        super().__init__(self.prefix, name=name)
        self.arguments = {}


class ReLU(_WithoutSettings):
    """max(x, 0).

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "relu"
    why = _NOT_IN_PLACE


class ReLU6(_WithoutSettings):
    """min(max(x, 0), 6).

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    References
    ----------
    Sandler et al., "MobileNetV2: Inverted residuals and linear bottlenecks", 2018.
    """

    prefix = "relu6"
    why = _NOT_IN_PLACE


class LeakyReLU(Activation):
    """x where positive, else slope * x.

    Parameters
    ----------
    slope : float
        Slope for negative inputs.
    name : str, optional
        Its part of the path.
    """

    prefix = "leaky_relu"

    def __init__(self, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__("leaky_relu", slope, name=name)
        self.arguments = {"slope": slope}


class Sigmoid(_WithoutSettings):
    """1 / (1 + exp(-x)).

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "sigmoid"


class Tanh(_WithoutSettings):
    """Hyperbolic tangent.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "tanh"


class Hardsigmoid(_WithoutSettings):
    """relu6(x + 3) / 6: a sigmoid of three straight lines.

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", 2019.
    """

    prefix = "hardsigmoid"
    why = _NOT_IN_PLACE


class Hardswish(_WithoutSettings):
    """x relu6(x + 3) / 6: a SiLU without the exponential function.

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", 2019.
    """

    prefix = "hardswish"
    why = _NOT_IN_PLACE


class SiLU(_WithoutSettings):
    """x / (1 + exp(-x)), also called swish.

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    References
    ----------
    Ramachandran, Zoph and Le, "Searching for activation functions", 2017.
    """

    prefix = "silu"
    why = _NOT_IN_PLACE


class Identity(_WithoutSettings):
    """x itself.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "identity"


class Softmax(Layer):
    """Turn logits into probabilities that sum to one along the channels.

    For training use ``CrossEntropy`` on the logits instead: together they are stable and simpler.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "softmax"
    operation = softmax

    def __init__(self, *positional: Any, name: str | None = None) -> None:
        if positional:
            by_position(
                "Softmax", positional, "It always runs along the channels (PyTorch's dim=1)."
            )
        super().__init__(name)

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        y = softmax.forward(x, axis=1)
        return y, y

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return softmax.backward_input(grad_y, saved, axis=1)
