"""Containers own all wiring: one after another, around a body; side by side is ``concat``."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError, TapeError
from clearconv.layers.activations import Activation
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.node import Node
from clearconv.layers.base.paths import join
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.stages import Addend, Chain, computed
from clearconv.layers.wiring.freeze import frozen_nodes
from clearconv.ops import activation, conv_block


class Container(Node):
    """A node made of nodes; children get names from their kind and order: conv1, pool1, conv2.

    Attributes
    ----------
    children : dict
        Name -> child, in the order they run. A child whose name is ``""`` is found by ``"#"`` and
        its place.
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
        """Take a child in under its own name, else under this one; return its key."""
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
        """Take children in, those without a name as ``prefix1``, ``prefix2``, ..."""
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


class Sequential(Container):
    """One layer after another.

    Parameters
    ----------
    *layers : Node
        In the order they run.
    name : str, optional
        Its part of the path.
    """

    prefix = "sequential"
    starred: str | None = "layers"

    def __init__(self, *layers: Node, name: str | None = None) -> None:
        super().__init__(name, layers=layers)
        self.keys = self._adopt_all(layers)

    def freeze(self, before: int | str) -> Self:
        """Keep the first layers as they are while the others are trained.

        In a training pass they then run as in evaluation (running statistics, no dropout) and
        leave nothing on the tape, their parameters get no gradient, no update and no decay, and
        backward ends above them: a step takes less time and memory. ``build`` ends it.

        Parameters
        ----------
        before : int or str
            So many children, or all that runs before the one of this name; in a child that is a
            ``Sequential`` itself, its path, such as "layer3.1". 0 freezes nothing.

        Returns
        -------
        Sequential
            Itself.

        Raises
        ------
        ArgumentError
            If there is no such child, or nothing would be left to train.
        ShapeError
            If it is not built, or a part of a model.
        """
        store, nodes = self.store, self.steps.nodes
        place = frozen_nodes(self, before, nodes)
        store.freeze(layer for node in nodes[:place] for layer in node.leaves())
        self.frozen = before if place else 0
        self.below, self.above = Chain(nodes[:place]), Chain(nodes[place:])
        self.tape = None
        return self

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take; frozen layers take any."""
        nodes = self.above.nodes if self.frozen else list(self.children.values())
        return max((node.smallest_batch for node in nodes), default=1)

    def _wire(self, input_shape: Shape) -> Shape:
        shape = self._chain(self.keys, input_shape)
        self.steps = Chain(flat(self.children.values()))
        self.frozen = 0
        return shape

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        if not (self.frozen and context.training):
            return computed(self.steps.run(x, context, tape))
        all_of_it = tape is not None and tape.keep == "all"
        fixed = replace(context, training=False, recording=all_of_it)
        below = computed(self.below.run(x, fixed, tape if all_of_it else None))
        return computed(self.above.run(below, context, tape))

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        if not (self.frozen and context.training):
            return self.steps.run_back(grad_y, tape, context)
        if tape.keep != "all":
            if context.input_gradient:
                raise TapeError(
                    f"backward: the first layers are frozen ({self.frozen!r}), and a training pass "
                    "keeps nothing of them, so there is no dL/dx. Write backward(grad_y, "
                    "input_gradient=False), or record the pass with keep='all'."
                )
            return self.above.run_back(grad_y, tape, context)
        grad = self.above.run_back(grad_y, tape, replace(context, input_gradient=True))
        assert grad is not None
        return self.below.run_back(grad, tape, context)


class Residual(Container):
    """The body's result plus the input itself: y = activation(body(x) + shortcut(x)).

    The sum hands `grad_y` unchanged to both summands, so a deep stack still passes gradients down.

    Parameters
    ----------
    *body : Node
        In the order they run.
    shortcut : Node, optional
        What the input goes through; nothing by default. Needed where the body changes the shape.
        Its path is its own name, or "shortcut".
    activation : str, optional
        Applied after the addition.
    name : str, optional
        Its part of the path.

    References
    ----------
    He et al., "Deep residual learning for image recognition", 2016.
    """

    prefix = "residual"
    starred = "body"

    def __init__(
        self,
        *body: Node,
        shortcut: Node | None = None,
        activation: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name, body=body, shortcut=shortcut, activation=activation)
        self.body = self._adopt_all(body)
        self.shortcut = self._adopt(shortcut, "shortcut") if shortcut is not None else None
        self.activation = (
            self._adopt(Activation(activation), "activation") if activation is not None else None
        )

    def _wire(self, input_shape: Shape) -> Shape:
        shape = self._chain(self.body, input_shape)
        beside = input_shape
        if self.shortcut is not None:
            beside = self._place_child(self.shortcut, input_shape)
        if shape != beside:
            raise ShapeError(
                f"Residual '{self.path}': the body gives {shape}, but the shortcut {beside}; they "
                "are added, so they must agree. Give a shortcut, such as "
                f"Conv2d({shape[0]}, 1, stride=...), or padding in the body."
            )
        if self.activation is not None:
            self._place_child(self.activation, shape)
        self.steps = Chain(flat(self.children[key] for key in self.body))
        self.aside = Chain(flat([self.children[self.shortcut]] if self.shortcut else []))
        return shape

    def _ends_in_relu(self, tape: Tape | None) -> bool:
        """Whether addition and activation are one pass."""
        unfused = tape is not None and tape.keep == "all"
        return self.arguments["activation"] == "relu" and not unfused

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        relu, after = self._ends_in_relu(tape), self.activation
        beside = self.aside.run(x, context, tape)
        if tape is None and (after is None or relu) and x.shape[1:] == self.input_shape:
            return computed(self.steps.run(x, context, None, Addend(computed(beside), relu)))
        body = self.steps.run(x, context, tape)
        self._check_shapes(body.shape, beside.shape)
        y = conv_block.add(body, beside, relu)
        if after is not None and relu and tape is not None:
            tape.saved[self.children[after].path] = y
        elif after is not None and not relu:
            y = self.children[after]._run(y, context, tape)
        if tape is not None:
            tape.around(self.path, x, y)
        return y

    def _check_shapes(self, body: Shape, beside: Shape) -> None:
        if body != beside:  # of another image size than the model was built for
            raise ShapeError(
                f"Residual '{self.path}': the body gives {body}, but the shortcut {beside}. "
                f"The model was built for {self.input_shape}; does the image size differ?"
            )

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        tape.around_back(self.path, grad_y)
        own = False  # whether grad_y may be overwritten
        if self.activation is not None:
            after = self.children[self.activation]
            inner = replace(context, input_gradient=True)
            if self._ends_in_relu(tape):
                saved = activation.ActivationSaved("relu", 0.0, tape.recall(after.path, grad_y))
                grad_y, own = activation.backward_input(grad_y, saved), True
            else:
                grad = after._run_back(grad_y, tape, inner)
                assert grad is not None
                grad_y = grad
        beside: Array | None = grad_y
        if self.shortcut is not None:
            beside = self.aside.run_back(grad_y, tape, context)
            own = beside is not None and not np.may_share_memory(beside, grad_y)
            own = own and tape.keep != "all"  # what a layer handed back is on the tape
        if not context.input_gradient:
            self.steps.run_back(grad_y, tape, context)
            return None
        assert beside is not None
        return self.steps.run_back(grad_y, tape, context, beside if own else beside.copy(order="K"))


def flat(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield a chain's nodes with those of chains inside it: a stage may reach across."""
    for node in nodes:
        if isinstance(node, Sequential) and type(node)._run is Sequential._run:
            yield from flat(node.children.values())
        else:
            yield node
