"""The values for a learner's function: each argument by its role."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearconv.doctor.layout import Array, Layout, give
from clearconv.doctor.names import role_of
from clearconv.doctor.signature import Call, Parameter

#: Keys of a dictionary of options that are passed even if the code hides how it reads them.
_KEYS = "stride pad padding pool_height pool_width f p mode eps momentum".split()
LR = 0.25  #: size of the steps that a layer takes by itself
_PAIRS = ("stride", "padding", "dilation", "kernel")


class NoValue(Exception):
    """The doctor does not know what to pass for an argument."""


class Unfit(NoValue):
    """A name says that the learner's layout is a different one."""


class Identity:
    """The activator passed to a layer, so that only its own pass is examined."""

    def forward(self, value: Any) -> Any:
        """Return the same number."""
        return value

    def backward(self, output: Any) -> Any:
        """Return 1."""
        return output * 0 + 1


class Context(dict[str, Any]):
    """What a layer written as a pair of static methods keeps for its backward pass."""

    def save_for_backward(self, *kept: Any) -> None:
        """Keep what the backward pass needs."""
        self.saved_tensors = self.saved = kept


class Values:
    """The arguments of one case, in the learner's layout.

    Parameters
    ----------
    kind : str
        "conv2d", ...
    arrays : mapping
        The case's arrays in the library's layout.
    options : mapping
        The case's options.
    layout : Layout
        The learner's layout.
    """

    def __init__(
        self, kind: str, arrays: Mapping[str, Array], options: Mapping[str, Any], layout: Layout
    ) -> None:
        self.kind, self.options, self.layout = kind, options, layout
        self.shapes = {name: array.shape for name, array in arrays.items()}
        self.known: dict[str, Any] = {
            name: self._given(name, array) for name, array in arrays.items()
        }
        if layout.other == "one-hot":
            self.known["labels"] = np.eye(self.shapes["x"][1])[arrays["labels"]]
        self.handed: dict[str, Any] = {}

    def arguments(self, call: Call) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments for a function: by position, and by name."""
        places: list[Any] = []
        names: dict[str, Any] = {}
        for parameter in call.parameters:
            try:
                value = self.of(parameter)
            except Unfit:
                raise
            except NoValue:
                if parameter.optional:
                    continue
                if "cache" not in self.known or call.role("cache") is not None:
                    raise NoValue(
                        f"the meaning of {parameter.name} of {call.name} is not understood"
                    ) from None
                value = self.known["cache"]  # what else forward returned, under its own name
            if parameter.optional:
                names[parameter.name] = value
            else:
                places.append(value)
        return places, names

    def of(self, parameter: Parameter) -> Any:
        """Return the value of one argument; arrays are copies, so that changes are noticed."""
        role = parameter.role
        if role in self.known:
            value = self.known[role]
            if isinstance(value, np.ndarray):
                value = self.handed[role] = value.copy()
            return value
        if role == "options":
            value = self.known["options"] = self._dictionary(parameter)
            return value
        return self._option(role, parameter)

    def changed(self) -> list[str]:
        """Name the arrays that the code has changed in place."""
        return [
            role
            for role, array in self.handed.items()
            if not np.array_equal(array, self.known[role], equal_nan=True)
        ]

    def _given(self, name: str, array: Array) -> Any:
        role = {"grad_y": "y"}.get(name, name)
        if name == "grad_y" and "weight" in self.shapes and array.ndim == 2:
            role = "y"
        return give(array, role, self.layout)

    def _option(self, role: str, parameter: Parameter) -> Any:
        if role.lower() == "padding word":  # "valid" and "same" are its values
            return "VALID" if role.isupper() else "valid"
        options, axis = self.options, 1 if role.endswith("_w") else 0
        if role in _PAIRS and role in options:
            return _plain(options[role], parameter.pair)
        stem = role.removesuffix("_h").removesuffix("_w")
        if stem != role and stem in options:
            return int(options[stem][axis])
        if stem == "kernel" and "weight" in self.shapes:
            return int(self.shapes["weight"][2 + axis])
        if role == "kernel" and "weight" in self.shapes:
            return _plain(self.shapes["weight"][2:], parameter.pair)
        return self._size(role, parameter.name)

    def _size(self, role: str, name: str) -> Any:
        x = self.options.get("x_shape") or self.shapes.get("x", ())
        if role in ("x_shape", "sample_shape") and x:
            shape = np.shape(give(np.empty(x), "x", self.layout))
            alone = role == "sample_shape" and self.layout.x.startswith("N")
            return shape[1:] if alone else shape
        if role == "weight_shape" and "weight" in self.shapes:
            return np.shape(self.known["weight"])
        sizes = {"height": x[2:3], "width": x[3:4], "in_channels": x[1:2]}
        if sizes.get(role):
            return int(sizes[role][0])
        if role == "out_channels" and "weight" in self.shapes:
            return int(self.shapes["weight"][0])
        if role == "p" and "p" in self.options:
            kept = self.layout.other == "keep"
            if "keep" in name.lower() and not kept:
                raise Unfit("its name says that p is the share kept")
            return 1 - self.options["p"] if kept else self.options["p"]
        if role == "mode":
            return self._mode()
        if role == "training":
            return bool(self.options.get("training", True))
        if role == "grad_y":
            return 1.0  # a loss is the end of the chain
        if role == "activator":
            return Identity()
        if role in ("lr", "eps", "momentum") and role in self.options:
            return self.options[role]
        if role == "lr":
            return LR
        raise NoValue(role)

    def _mode(self) -> str:
        if self.kind in ("max_pool2d", "avg_pool2d"):
            return "max" if self.kind == "max_pool2d" else "average"
        return "train" if self.options.get("training", True) else "test"

    def _dictionary(self, parameter: Parameter) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in dict.fromkeys((*parameter.keys, *_KEYS)):
            role = role_of(key, self.kind)
            try:
                found[key] = self.of(Parameter(key, role))
            except NoValue:
                continue
        return found


def bound(function: Any, places: list[Any], names: dict[str, Any]) -> Any:
    """Call a function; distinguish a mismatch with its signature from errors inside it."""
    try:
        inspect.signature(function).bind(*places, **names)
    except TypeError as error:
        raise NoValue(str(error)) from None
    return function(*places, **names)


def _plain(pair: Any, wanted: bool) -> Any:
    """Return (rows, columns), or one number where both are equal and the code takes one."""
    first, second = (int(value) for value in pair)
    return (first, second) if wanted or first != second else first
