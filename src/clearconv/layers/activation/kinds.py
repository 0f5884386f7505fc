"""Activations by name: the built-in ones and those that users register."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.staged import Call
from clearconv.ops import activation


@dataclass(frozen=True)
class _Own:
    forward: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


_own: dict[str, _Own] = {}
_FUNCTION = "activation.forward_saving"


def register_activation(
    name: str,
    forward: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
) -> None:
    """Register an activation of your own under a name.

    Parameters
    ----------
    name : str
        Usable from now on as ``Conv2d(..., activation=name)`` and ``Activation(name)``. A saved
        model stores only the name: register it again before loading.
    forward : callable
        f(x), elementwise, for an array of any shape: built from NumPy functions, or wrapped in
        ``np.vectorize``. The array is read-only; return a new one.
    derivative : callable
        f'(x), elementwise, as a function of the *input* x; like `forward`.

    Raises
    ------
    ArgumentError
        If the name is not a name or is that of a built-in activation, or a function is not one.

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


def calls_of(kind: str) -> tuple[Call, ...]:
    """Return what ``activate`` calls."""
    own = kind in _own
    return (Call(kind, "an activation of your own") if own else Call(_FUNCTION, kind),)


def _elementwise(kind: str, name: str, function: Callable[[Array], Array], x: Array) -> Array:
    """Call a user's function and check what it returns; a constant is broadcast."""
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
