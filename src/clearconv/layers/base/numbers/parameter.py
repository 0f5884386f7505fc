"""A parameter as declared, its path, and what declares it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Protocol
from weakref import ReferenceType

import numpy as np

from clearconv.arrays import Array, Shape


@dataclass(frozen=True)
class Parameter:
    """A parameter as declared: its shape, its initial values, whether weight decay applies."""

    shape: Shape
    initial: Callable[[np.random.Generator], Array]
    decay: bool

    @property
    def size(self) -> int:
        """Return the number of values."""
        return prod(self.shape)


class Leaf(Protocol):
    """A layer as the rest of a model sees it: what it declares, and the arrays that it receives.

    Attributes
    ----------
    path : str
        Its place in the model.
    output_shape : tuple of int
        Shape of its output for one input.
    declared : dict
        Name -> parameter.
    declared_buffers : dict
        Name -> initial values of what is saved but not learnt by gradient.
    parameters_here, gradients_here, buffers_here : dict
        Name -> its view of the model's flat arrays; its running statistics.
    owner : weak reference or None
        The model it was built in.
    """

    path: str
    output_shape: Shape
    declared: dict[str, Parameter]
    declared_buffers: dict[str, Array]
    parameters_here: dict[str, Array]
    gradients_here: dict[str, Array]
    buffers_here: dict[str, Array]
    owner: ReferenceType[object] | None

    @property
    def label(self) -> str:
        """Name in a message."""

    def multiply_adds(self) -> int:
        """Count the multiply-adds of one input's forward pass."""


def join(path: str, name: str) -> str:
    """Join two parts of a path; an empty part adds nothing."""
    return f"{path}.{name}" if path and name else path or name
