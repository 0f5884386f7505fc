"""The articles' activators: a function, and its derivative computed from the function's value."""

from typing import Any, Protocol

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.ops import activation


class Activator(Protocol):
    """The methods that a layer needs of an activator; write your own class with these two.

    Your methods are called with one number at a time, so they may use ``max(0, x)``.
    """

    def forward(self, weighted_input: Any, /) -> Any:
        """Return f(net)."""

    def backward(self, output: Any, /) -> Any:
        """Return f'(net), computed from the output f(net)."""


class _BuiltIn:
    """An activation of the library with the articles' interface; takes numbers and arrays."""

    kind: str

    def forward(self, weighted_input: Any) -> Any:
        """Return f(net).

        Parameters
        ----------
        weighted_input : float or ndarray of any shape
            The article's net.

        Returns
        -------
        output : float or ndarray of the same shape
        """
        return activation.forward(np.array(weighted_input, dtype=np.float64), self.kind)[()]

    def backward(self, output: Any) -> Any:
        """Return f'(net), computed from the output.

        Parameters
        ----------
        output : float or ndarray of any shape
            f(net), not net.

        Returns
        -------
        derivative : float or ndarray of the same shape
        """
        y = np.array(output, dtype=np.float64)
        saved = activation.ActivationSaved(self.kind, 0.0, None if self.kind == "identity" else y)
        return activation.backward_input(np.ones_like(y), saved)[()]


class ReluActivator(_BuiltIn):
    """f(net) = max(0, net)."""

    kind = "relu"


class SigmoidActivator(_BuiltIn):
    """f(net) = 1 / (1 + exp(-net))."""

    kind = "sigmoid"


class TanhActivator(_BuiltIn):
    """f(net) = tanh(net)."""

    kind = "tanh"


class IdentityActivator(_BuiltIn):
    """f(net) = net."""

    kind = "identity"


def activated(activator: Activator, net: Array) -> Array:
    """Apply the activator to every number of `net`."""
    return _each(activator, "forward", net)


def derivative(activator: Activator, output: Array) -> Array:
    """Return f'(net) at every place, computed from the `output` there."""
    return _each(activator, "backward", output)


def check(what: str, activator: Activator) -> Activator:
    """Return `activator` if it has the two methods."""
    if isinstance(activator, type):
        raise ArgumentError(
            f"{what}: activator is the class {activator.__name__}, but an object is needed. "
            f"Write {activator.__name__}()."
        )
    if not all(callable(getattr(activator, name, None)) for name in ("forward", "backward")):
        raise ArgumentError(
            f"{what}: activator is {activator!r}, but an object with forward(weighted_input) and "
            "backward(output) is needed, such as ReluActivator()."
        )
    return activator


def _each(activator: Activator, method: str, values: Array) -> Array:
    function = getattr(activator, method)
    if isinstance(activator, _BuiltIn):
        result: Array = function(values)
        return result
    return np.vectorize(function, otypes=[np.float64])(values)
