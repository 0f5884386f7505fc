"""A node made of nodes, which owns their wiring."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from clearconv.arrays import Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import join


class Container(Node):
    """A node made of nodes; children get names from their kind and order: conv1, pool1, conv2.

    Attributes
    ----------
    children : dict
        Name -> child, in the order they run. A child whose name is ``""`` has the key
        ``"#"`` plus its position.
    """

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.children: dict[str, Node] = {}

    def leaves(self) -> Iterator[Layer]:
        """Yield the layers in the order they run."""
        for child in self.children.values():
            yield from child.leaves()

    def __getitem__(self, name: str) -> Node:
        """Return a child by name."""
        if name not in self.children:
            known = ", ".join(self.children)
            raise KeyError(f"{type(self).__name__} has no child {name!r}; it has {known}.")
        return self.children[name]

    def _adopt(self, node: Node, name: str) -> str:
        """Add a child under its own name, or else under this one; return its key."""
        if not isinstance(node, Node):
            hint = f" Write {node.__name__}(...)." if isinstance(node, type) else ""
            raise ArgumentError(
                f"{type(self).__name__}: {node!r} is not a layer or a container of layers.{hint}"
            )
        name = node.name if node.name is not None else name
        key = name or f"#{len(self.children)}"  # "" adds nothing to paths, but keys must differ
        if key in self.children or any(node is child for child in self.children.values()):
            raise ArgumentError(
                f"{type(self).__name__}: two layers are called {name!r}, or one layer stands "
                "in two places. Every place needs a layer and a name of its own."
            )
        self.children[key] = node
        return key

    def _adopt_all(self, nodes: tuple[Node, ...]) -> tuple[str, ...]:
        """Add children, those without a name as ``prefix1``, ``prefix2``, ..."""
        counts: dict[str, int] = {}
        keys = []
        for node in nodes:
            prefix = getattr(node, "prefix", "")
            if getattr(node, "name", None) is None:
                counts[prefix] = counts.get(prefix, 0) + 1
            keys.append(self._adopt(node, f"{prefix}{counts.get(prefix)}"))
        return tuple(keys)

    def _place(self, path: str, input_shape: Shape) -> Shape:
        self.path, self.input_shape = path, input_shape
        self.output_shape = self._wire(input_shape)
        paths = [layer.path for layer in self.leaves()]
        if len(set(paths)) < len(paths):
            twice = next(item for item in paths if paths.count(item) > 1)
            raise ArgumentError(
                f"{type(self).__name__}: two layers have the path {twice!r}. Give the layers names "
                "that differ."
            )
        return self.output_shape

    def _place_child(self, key: str, input_shape: Shape) -> Shape:
        name = "" if key.startswith("#") else key
        return self.children[key]._place(join(self.path, name), input_shape)

    @abstractmethod
    def _wire(self, input_shape: Shape) -> Shape:
        """Place the children and return the output's shape."""

    def _chain(self, keys: tuple[str, ...], input_shape: Shape) -> Shape:
        """Place these children one after another."""
        for key in keys:
            input_shape = self._place_child(key, input_shape)
        return input_shape
