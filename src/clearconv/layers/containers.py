"""Containers own all wiring: one after another, around a body, side by side."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers._layer import Layer
from clearconv.layers._node import Node, Shape
from clearconv.layers._store import join
from clearconv.layers._tape import Context, Tape
from clearconv.layers.activations import Activation
from clearconv.layers.conv2d import Conv2d
from clearconv.layers.pool2d import AvgPool2d, MaxPool2d
from clearconv.ops._arrays import Array
from clearconv.ops._window import IntOrPair, Padding


class Container(Node):
    """A node made of nodes; children get names from their kind and order: conv1, pool1, conv2."""

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

    def _adopt(self, nodes: tuple[Node, ...]) -> None:
        """Take children in, and name those that have no name."""
        counts: dict[str, int] = {}
        for node in nodes:
            if not isinstance(node, Node):
                hint = f" Write {node.__name__}()." if isinstance(node, type) else ""
                raise ArgumentError(
                    f"{type(self).__name__}: {node!r} is not a layer or a container of layers."
                    + hint
                )
            name = node.name
            if name is None:
                counts[node.prefix] = counts.get(node.prefix, 0) + 1
                name = f"{node.prefix}{counts[node.prefix]}"
            key = name or f"#{len(self.children)}"  # "" adds nothing to paths; keys differ
            if key in self.children or any(node is child for child in self.children.values()):
                raise ArgumentError(
                    f"{type(self).__name__}: two layers are called {name!r}, or one layer stands "
                    "in two places. Every place needs a layer and a name of its own."
                )
            self.children[key] = node

    def _path_of(self, key: str) -> str:
        return join(self.path, "" if key.startswith("#") else key)

    def _place_child(self, key: str, input_shape: Shape) -> Shape:
        return self.children[key]._place(self._path_of(key), input_shape)

    def _place(self, path: str, input_shape: Shape) -> Shape:
        self.path, self.input_shape = path, input_shape
        self.output_shape = self._wire(input_shape)
        paths = [layer.path for layer in self.leaves()]
        twice = sorted({item for item in paths if paths.count(item) > 1})
        if twice:
            raise ArgumentError(
                f"{type(self).__name__}: {len(twice)} layer path(s) occur twice, such as "
                f"{twice[0]!r}. Give the layers names that differ."
            )
        return self.output_shape

    def _wire(self, input_shape: Shape) -> Shape:
        """Place the children and return the output's shape."""
        raise NotImplementedError


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

    def __init__(self, *layers: Node, name: str | None = None) -> None:
        super().__init__(name, layers=list(layers))
        self._adopt(layers)

    def _wire(self, input_shape: Shape) -> Shape:
        shape = input_shape
        for key in self.children:
            shape = self._place_child(key, shape)
        return shape

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        for child in self.children.values():
            x = child._run(x, context, tape)
        return x

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        grad: Array | None = grad_y
        inner = replace(context, input_gradient=True)
        nodes = list(self.children.values())
        for place in reversed(range(len(nodes))):
            assert grad is not None
            grad = nodes[place]._run_back(grad, tape, inner if place else context)
        return grad


class ConvPool2d(Sequential):
    """Convolution, activation and pooling in one.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, dilation, groups, bias, activation, init
        Of the convolution, see ``Conv2d``.
    pool_size : int or (int, int)
        Rows and columns of the pooling window.
    pool_stride : int or (int, int), optional
        Its step; by default its size.
    pool_padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Around the convolution's output.
    pool : {"max", "avg"}
        Kind of pooling.
    name : str, optional
        Its part of the path; the parameters are ``NAME.conv.weight`` and ``NAME.conv.bias``.
    """

    prefix = "conv_pool"

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrPair,
        pool_size: IntOrPair = 2,
        *,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str | None = "relu",
        init: float | str = "he",
        pool_stride: IntOrPair | None = None,
        pool_padding: Padding = 0,
        pool: str = "max",
        name: str | None = None,
    ) -> None:
        if pool not in ("max", "avg"):
            raise ArgumentError(f"ConvPool2d: pool={pool!r}, but it must be 'max' or 'avg'.")
        convolution: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "bias": bias,
            "activation": activation,
            "init": init,
        }
        pooling = MaxPool2d if pool == "max" else AvgPool2d
        super().__init__(
            Conv2d(out_channels, kernel_size, **convolution, name="conv"),
            pooling(pool_size, pool_stride, pool_padding, name="pool"),
            name=name,
        )
        self.arguments = {
            "out_channels": out_channels,
            "kernel_size": kernel_size,
            "pool_size": pool_size,
            **convolution,
            "pool_stride": pool_stride,
            "pool_padding": pool_padding,
            "pool": pool,
        }


class Residual(Container):
    """The body's result plus the input itself: y = activation(body(x) + shortcut(x)).

    Parameters
    ----------
    *body : Node
        In the order they run.
    shortcut : Node, optional
        What the input goes through; nothing by default. Needed where the body changes the shape.
    activation : str, optional
        Applied after the addition.
    name : str, optional
        Its part of the path.
    """

    prefix = "residual"

    def __init__(
        self,
        *body: Node,
        shortcut: Node | None = None,
        activation: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name, body=list(body), shortcut=shortcut, activation=activation)
        self._adopt(body)
        self.body = tuple(self.children)
        for key, node in (
            ("shortcut", shortcut),
            ("activation", Activation(activation) if activation is not None else None),
        ):
            if node is not None:
                if key in self.children:
                    raise ArgumentError(f"Residual: the name {key!r} is taken; rename that layer.")
                self.children[key] = node

    def _wire(self, input_shape: Shape) -> Shape:
        shape = input_shape
        for key in self.body:
            shape = self._place_child(key, shape)
        beside = input_shape
        if "shortcut" in self.children:
            beside = self._place_child("shortcut", input_shape)
        if shape != beside:
            raise ShapeError(
                f"Residual '{self.path}': the body gives {shape}, but the shortcut {beside}; they "
                "are added, so they must agree. Give a shortcut, such as "
                f"Conv2d({shape[0]}, 1, stride=...), or padding in the body."
            )
        if "activation" in self.children:
            self._place_child("activation", shape)
        return shape

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        y = x
        for key in self.body:
            y = self.children[key]._run(y, context, tape)
        if "shortcut" in self.children:
            x = self.children["shortcut"]._run(x, context, tape)
        y = y + x
        if "activation" in self.children:
            y = self.children["activation"]._run(y, context, tape)
        return y

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        inner = replace(context, input_gradient=True)
        if "activation" in self.children:
            after = self.children["activation"]._run_back(grad_y, tape, inner)
            assert after is not None
            grad_y = after
        through: Array | None = grad_y
        for place in reversed(range(len(self.body))):
            assert through is not None
            node = self.children[self.body[place]]
            through = node._run_back(through, tape, inner if place else context)
        beside: Array | None = grad_y
        if "shortcut" in self.children:
            beside = self.children["shortcut"]._run_back(grad_y, tape, context)
        if through is None or beside is None:
            return None
        return through + beside


class Concat(Container):
    """Branches side by side on the same input, their channels joined in order.

    Parameters
    ----------
    *branches : Node
        Each takes x; their outputs agree in height and width.
    name : str, optional
        Its part of the path.
    """

    prefix = "concat"

    def __init__(self, *branches: Node, name: str | None = None) -> None:
        if not branches:
            raise ArgumentError("Concat: no branches were given; it needs at least one.")
        super().__init__(name, branches=list(branches))
        self._adopt(branches)

    def _wire(self, input_shape: Shape) -> Shape:
        shapes = [self._place_child(key, input_shape) for key in self.children]
        if len({shape[1:] for shape in shapes}) > 1:
            raise ShapeError(
                f"Concat '{self.path}': the branches give {', '.join(map(str, shapes))}; all axes "
                "but the channels must agree. Check their strides and padding."
            )
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        parts = [child._run(x, context, tape) for child in self.children.values()]
        last = [np.moveaxis(part, 1, -1) for part in parts]  # (N, H, W, C): joined channels-last
        return np.moveaxis(np.concatenate(last, axis=-1), -1, 1)

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        total: Array | None = None
        start = 0
        for child in self.children.values():
            end = start + child.output_shape[0]
            grad = child._run_back(grad_y[:, start:end], tape, context)
            start = end
            if grad is not None:
                total = grad if total is None else total + grad
        return total if context.input_gradient else None
