"""The operation that a layer runs."""

from types import ModuleType
from typing import NamedTuple

from clearconv.layers import Activation, Concat, Layer, Node


class Kind(NamedTuple):
    """A layer's class by name, its operation, its activation, and whether it is the user's own.

    `own` is True for the user's own layer, whose formulas only its code knows.
    """

    name: str
    operation: ModuleType | None
    activation: str
    own: bool


def chapter_of(operation: ModuleType | None) -> str | None:
    """Return an operation's name, such as ``"conv2d"``."""
    return None if operation is None else operation.__name__.rpartition(".")[2]


def kind_of(node: Node) -> Kind:
    """Return what a node computes; a subclass that changes neither pass counts as its base."""
    if not isinstance(node, Layer):  # the end of a container
        return Kind("Concat" if isinstance(node, Concat) else "Residual", None, "identity", False)
    base = node.of_the_library()
    if base is None:
        return Kind(type(node).__name__, None, "identity", True)
    activation = node.kind if isinstance(node, Activation) else getattr(node, "activation", None)
    return Kind(base.__name__, base.operation, activation or "identity", False)
