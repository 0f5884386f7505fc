"""Activations as layers, and the user's own plugged in by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.arguments import by_position
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.tape import Context
from clearconv.ops import activation, softmax


@dataclass(frozen=True)
class _Own:
    forward: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


_own: dict[str, _Own] = {}


def register_activation(
    name: str,
    forward: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
) -> None:
    """Plug in an activation of your own, by name.

    Parameters
    ----------
    name : str
        Usable from now on as ``Conv2d(..., activation=name)`` and ``Activation(name)``. A saved
        model stores the name alone: register it again before loading.
    forward : callable
        f(x), elementwise, for an array of any shape: made of NumPy functions, or wrapped in
        ``np.vectorize``. The array is read-only; return a new one.
    derivative : callable
        f'(x), elementwise, as a function of the *input* x; like `forward`.

    Raises
    ------
    ArgumentError
        If the name is one of the built-in activations or no name, or a function is none.

    Examples
    --------
    >>> import numpy as np, clearconv
    >>> clearconv.register_activation(
    ...     "softplus", lambda x: np.logaddexp(x, 0), lambda x: 1 / (1 + np.exp(-x)))
    """
    if not isinstance(name, str) or not name:
        raise ArgumentError(
            f"register_activation: name={name!r}, but text is needed, such as 'softplus'."
        )
    for what, function in (("forward", forward), ("derivative", derivative)):
        if not callable(function):
            raise ArgumentError(
                f"register_activation: {what}={function!r}, but a function of an array is needed, "
                "such as np.tanh."
            )
    if name in activation.KINDS:
        raise ArgumentError(f"register_activation: {name!r} is built in; choose another name.")
    _own[name] = _Own(forward, derivative)


def check_kind(kind: str) -> str:
    """Return `kind` if it is a built-in or registered activation."""
    if kind not in activation.KINDS and kind not in _own:
        known = ", ".join([*activation.KINDS, *_own])
        raise ArgumentError(
            f"activation={kind!r} is not known; there are {known}. Add your own with "
            "clearconv.register_activation(name, forward, derivative)."
        )
    return kind


def activate(kind: str, x: Array, slope: float = 0.01) -> tuple[Array, Any]:
    """Return f(x) and what ``deactivate`` needs."""
    if kind not in _own:
        return activation.forward_saving(x, kind, slope)
    return _elementwise(kind, "forward", _own[kind].forward, x), x


def deactivate(kind: str, grad_y: Array, saved: Any) -> Array:
    """Return dL/dx = dL/dy * f'(x)."""
    if kind not in _own:
        return activation.backward_input(grad_y, saved)
    return grad_y * _elementwise(kind, "derivative", _own[kind].derivative, saved)


def _elementwise(kind: str, name: str, function: Callable[[Array], Array], x: Array) -> Array:
    """Call a user's function and check what it returns; a constant stands for all elements."""
    readable = x.view()
    readable.flags.writeable = False  # x belongs to the layer before, or to the caller
    try:
        array = np.asarray(function(readable), dtype=x.dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the {name} of activation {kind!r} failed on an array of shape {x.shape}: {error}. It "
            "is given a whole array, read-only: use NumPy functions (np.maximum, np.where, "
            "np.exp), or wrap a function of one number in np.vectorize, and return a new array."
        ) from error
    if array.shape not in (x.shape, ()):
        raise ShapeError(
            f"the {name} of activation {kind!r} turned shape {x.shape} into {array.shape}; it "
            "must work on each number by itself."
        )
    return np.broadcast_to(array, x.shape)


class Activation(Layer):
    """An elementwise function.

    Parameters
    ----------
    kind : str
        "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hardsigmoid", "hardswish", "silu",
        "identity", or a registered name.
    slope : float
        Of "leaky_relu" for negative inputs.
    name : str, optional
        Its part of the path.
    """

    prefix = "activation"

    def __init__(self, kind: str, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name, kind=check_kind(kind), slope=slope)
        self.kind, self.slope = kind, slope

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return activate(self.kind, x, self.slope)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return deactivate(self.kind, grad_y, saved)


_NOT_IN_PLACE = "Layers never write into their input, so there is no inplace."


class _WithoutSettings(Activation):
    """An activation whose kind is its prefix, and which takes nothing but a name."""

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
        Steepness below zero.
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
