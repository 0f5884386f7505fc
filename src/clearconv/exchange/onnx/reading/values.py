"""What a model computes while it is read, and what cannot be read of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearconv.arrays import Shape
from clearconv.exchange.onnx.reading.plain import AnyArray


class Refused(Exception):
    """An operator cannot be read as it stands; the text says what is missing."""


class MixedBatch(Refused):
    """An operator treats the batch axis as any other axis."""


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the model's input.

    Attributes
    ----------
    node : str
        Name of the node of the graph that gives it.
    shape : tuple of int
        Shape in ONNX, batch axis included.
    dtype : dtype
        Dtype in ONNX; the graph computes everything in one floating-point dtype.
    fixed : bool
        Whether it is a constant: then its shape has no batch axis.
    """

    node: str
    shape: Shape
    dtype: np.dtype[Any]
    fixed: bool = False


#: What an operator is given: a tensor of the model, a constant, or nothing.
Given = Value | AnyArray | None


def value_of(given: Given, what: str) -> Value:
    """Return a tensor of the model, or refuse."""
    if isinstance(given, Value):
        return given
    raise Refused(f"{what} is {'missing' if given is None else 'a constant'}")


def constant_of(given: Given, what: str) -> AnyArray:
    """Return a constant, or refuse."""
    if isinstance(given, np.ndarray):
        return given
    why = "is missing" if given is None else "is computed from the model's input"
    raise Refused(f"{what} {why}, but a constant is needed")


def optional(given: Given, what: str) -> AnyArray | None:
    """Return a constant or nothing, or refuse."""
    return None if given is None else constant_of(given, what)
