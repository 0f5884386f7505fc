"""Layers wired by name: any network without cycles, such as one read from a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from clearconv.arrays import Array, Shape, check
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.base.staged import StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.flow import Flow
from clearconv.layers.stages.weave import Link
from clearconv.layers.wiring.container import Container
from clearconv.layers.wiring.freeze import frozen_links, no_gradient_below
from clearconv.layers.wiring.links import check_wiring, inputs_of, links_of, names_of
from clearconv.layers.wiring.parts import OneWay, parts
from clearconv.words import cut, some


class Graph(Container):
    """Nodes wired by name: each reads values that the input and earlier nodes have computed.

    ``Sequential``, ``Residual`` and ``Concat`` say the same in a form that is easier to read; a
    graph is for networks that they cannot express, and for those that are read from other
    programs' files.

    Parameters
    ----------
    *nodes : (str, Node, *str)
        Name of the value that the node computes, the node, and the names of the values that it
        reads, in an order in which they can run. A layer or a container reads one; ``Add``,
        ``Multiply``, ``Join`` and other layers with several inputs read as many as they take;
        ``Constant`` reads none. The name is the node's part of the path; it may have dots, as
        the names of other libraries' parameters do: "layer1.0.conv1".
    inputs : sequence
        Name of the input, whose shape ``build`` gives; each further input is (name, shape of one
        image), and then x is a dict of arrays by name, and so is dL/dx.
    outputs : sequence of str, optional
        Names of the values that the graph computes; by default that of the last node. The first
        is what ``forward`` returns, and what ``backward`` starts from; ``values`` computes all.
    name : str, optional
        Its part of the path.

    Raises
    ------
    ArgumentError
        If a value has no name or one that is taken, if a node reads one that is not known, or not
        yet, which a cycle cannot avoid; if a node is read by nobody.

    Notes
    -----
    Where a value is read several times, as many gradients come back, and they are added.

    Every value has the batch as its first axis. That of a ``Constant`` has length 1, and so has
    whatever is computed from constants alone; where it meets an image's value, it is the same for
    all images.

    Examples
    --------
    A squeeze-and-excitation block, whose gate is multiplied with the maps that it was computed
    from:

    >>> import clearconv
    >>> from clearconv import Activation, Conv2d, GlobalAvgPool2d, Graph, Multiply
    >>> block = Graph(
    ...     ("maps", Conv2d(8, 3, padding=1), "x"),
    ...     ("squeezed", GlobalAvgPool2d(), "maps"),
    ...     ("gate", Conv2d(8, 1, activation="sigmoid"), "squeezed"),
    ...     ("y", Multiply(), "maps", "gate"),
    ... )
    >>> block.build((3, 16, 16)).output_shape
    (8, 16, 16)
    """

    prefix = "graph"
    starred = "nodes"

    def __init__(
        self,
        *nodes: Sequence[Any],
        inputs: Sequence[Any] = ("x",),
        outputs: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        links = links_of(nodes)
        self.inputs, self.input_shapes = inputs_of(inputs)
        self.outputs = (links[-1].writes,) if outputs is None else names_of("an output", outputs)
        check_wiring(links, self.inputs, self.outputs)
        super().__init__(
            name,
            nodes=tuple((link.writes, link.node, *link.reads) for link in links),
            inputs=(self.inputs[0], *zip(self.inputs[1:], self.input_shapes, strict=True)),
            outputs=self.outputs,
        )
        self.links = tuple(links)
        taken: set[int] = set()
        for link in links:
            self._adopt(link.node, link.writes)
            if id(link.node) in taken:
                raise ArgumentError(
                    f"Graph: the node of {link.writes!r} stands in two places. Every place needs a "
                    "layer of its own; clearconv.from_spec(layer.spec()) makes another."
                )
            taken.add(id(link.node))

    def _adopt(self, node: Node, name: str) -> str:
        if not isinstance(node, Node):
            hint = f" Write {node.__name__}(...)." if isinstance(node, type) else ""
            raise ArgumentError(
                f"Graph: {cut(repr(node), 80)} in the place of {name!r} is not a layer or a "
                f"container of layers.{hint}"
            )
        if node.name not in (None, name):
            raise ArgumentError(
                f"Graph: the node of {name!r} is itself called {node.name!r}. Leave its name out: "
                "in a graph the value's name is also the node's."
            )
        self.children[name] = node
        return name

    # -- building --------------------------------------------------------------------------------

    def _wire(self, input_shape: Shape) -> Shape:
        given_shapes = (input_shape, *self.input_shapes)
        shapes: dict[str, Shape] = dict(zip(self.inputs, given_shapes, strict=True))
        fixed: set[str] = set()
        for link in self.links:
            path, node = join(self.path, link.writes), link.node
            constant = all(name in fixed for name in link.reads)
            if isinstance(node, MultiInput):
                which = tuple(name in fixed for name in link.reads)
                given = tuple(shapes[name] for name in link.reads)
                shapes[link.writes] = node.place_inputs(path, given, which)
            else:
                shapes[link.writes] = node._place(path, shapes[link.reads[0]])
            if constant:
                fixed.add(link.writes)
                if link.reads and any(layer.declared for layer in node.leaves()):
                    raise ArgumentError(
                        f"Graph: {link.writes!r} has parameters, but reads only constants: it "
                        "computes a constant. Compute it beforehand."
                    )
        for name in self.outputs:
            if name in fixed:
                raise ArgumentError(f"Graph: the output {name!r} does not depend on the input.")
        self.shapes = shapes
        self.fixed_values = frozenset(fixed)
        self.flow = Flow(self.links, self.inputs, self.outputs, self.fixed_values)
        self.frozen = 0
        return shapes[self.outputs[0]]

    def ancestors(self, name: str) -> tuple[Link, ...]:
        """Return the nodes that a value depends on, and its own, in the order they run.

        Parameters
        ----------
        name : str
            Name of a value.

        Returns
        -------
        tuple of Link
        """
        needed, found = {name}, []
        for link in reversed(self.links):
            if link.writes in needed:
                needed.update(link.reads)
                found.append(link)
        return tuple(reversed(found))

    def bottlenecks(self) -> Iterator[Node]:
        """Yield the nodes that every way from the input to the first output passes."""
        links = self.ancestors(self.outputs[0])
        last = {name: place for place, link in enumerate(links) for name in link.reads}
        last[self.outputs[0]] = len(links)
        open_until = last.get(self.inputs[0], 0)  # somebody still reads a value from before
        for place, link in enumerate(links):
            if link.writes in self.fixed_values:
                continue
            if open_until <= place:
                yield link.node
            open_until = max(open_until, last[link.writes])

    def freeze(self, before: int | str) -> Self:
        """Keep the first nodes as they are while the others are trained, as in ``Sequential``.

        Parameters
        ----------
        before : int or str
            Number of nodes to freeze, or the name of the first that is not frozen: all nodes that
            are listed before it are. 0 freezes nothing.

        Returns
        -------
        Graph
            Itself.

        Raises
        ------
        ArgumentError
            If there is no such node, or nothing would be left to train.
        ShapeError
            If it is not built, or is a part of a model.
        """
        store, names = self.store, list(self.children)
        place = frozen_links(before, names)
        frozen, rest = self.links[:place], self.links[place:]
        if place and not any(layer.declared for link in rest for layer in link.node.leaves()):
            raise ArgumentError(
                f"freeze({before!r}) would leave nothing to train: only {len(rest)} nodes without "
                "parameters come after. Freeze fewer."
            )
        store.freeze(layer for link in frozen for layer in link.node.leaves())
        self.frozen = before if place else 0
        known = {*self.inputs, *(link.writes for link in frozen)}
        read = {name for link in rest for name in link.reads} | {*self.outputs}
        between = sorted(known & read)
        self.below = Flow(frozen, self.inputs, between, self.fixed_values)
        self.above = Flow(rest, between, self.outputs, self.fixed_values)
        self.tape = None
        return self

    def parted(self) -> tuple[Node, Node]:
        """Return the frozen nodes and the others as two models, as ``Sequential.parted`` does.

        Returns
        -------
        below, above : Node
            Valid until the next ``freeze`` or ``build``.

        Raises
        ------
        ArgumentError
            If nothing is frozen, or more than one value goes from the frozen nodes to the others.
        """
        if not self.frozen or len(self.below.outputs) != 1 or len(self.inputs) != 1:
            raise ArgumentError(
                "parted: no node of the graph is frozen, or more than one value goes from the "
                "frozen nodes to the others. Call freeze(...) with a node that all ways pass."
            )
        return parts(self, OneWay(self.below), OneWay(self.above))

    @property
    def parts_between_stages(self) -> bool:
        """Whether evaluation gives the same bits in one pass and in the two of ``parted``."""
        if not self.frozen:
            return True
        one_way = len(self.below.outputs) == 1 and len(self.inputs) == 1
        two = [*self.below.rows(training=False), *self.above.rows(training=False)]
        return one_way and list(self.flow.rows(training=False)) == two

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take; frozen nodes take any."""
        links = self.above.links if self.frozen else self.links
        return max((link.node.smallest_batch for link in links), default=1)

    # -- the passes ------------------------------------------------------------------------------

    def check_input(self, x: Any) -> bool:
        """Raise unless x is a batch or one input, or a dict of batches, as ``forward`` does.

        Parameters
        ----------
        x : ndarray, or dict of ndarray
            Input, or each input by name.

        Returns
        -------
        bool
            Whether it is one input without the batch axis.

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit the model.
        ArgumentError
            If there are other inputs than those of the graph.
        """
        if len(self.inputs) == 1 and not isinstance(x, Mapping):
            return super().check_input(x)
        if not isinstance(x, Mapping) or x.keys() != set(self.inputs):
            got = f"{some(sorted(map(str, x)))}" if isinstance(x, Mapping) else "one array"
            raise ArgumentError(
                f"forward: x is {got}, but the graph needs a dict with an array for each of its "
                f"inputs: {', '.join(self.inputs)}."
            )
        for name, array in x.items():
            shape = self.shapes[name]
            check("forward", name, array, len(shape) + 1)
            if array.dtype != self.store.dtype or len(array) != len(x[self.inputs[0]]):
                raise ShapeError(
                    f"forward: {name} is {array.dtype} {array.shape}, but {self.store.dtype} of "
                    f"shape {(len(x[self.inputs[0]]), *shape)} is needed: all inputs have one "
                    "batch size, and the dtype that the model was built with."
                )
        return False

    def predict(self, x: Any, batch_size: int = 64) -> Array:
        """Compute the output in evaluation mode, `batch_size` inputs at a time.

        Parameters
        ----------
        x : ndarray, or dict of ndarray
            As for ``forward``; a dict has any number of images of each input.
        batch_size : int
            Bounds the memory; it changes the result by no more than rounding.

        Returns
        -------
        ndarray
            As from ``forward``.
        """
        if not isinstance(x, Mapping):
            return super().predict(x, batch_size)
        self.check_input(x)
        N = len(x[self.inputs[0]])
        parts = [
            self.forward({name: array[i : i + batch_size] for name, array in x.items()})  # type: ignore[arg-type]
            for i in range(0, N, batch_size)
        ]
        empty = np.empty((0, *self.output_shape), self.store.dtype)
        return np.concatenate(parts) if parts else empty

    def values(self, x: Any, names: Sequence[str] | None = None) -> dict[str, Array]:
        """Compute several values in evaluation mode.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape), or dict of ndarray
            As for ``forward``, with the batch axis.
        names : sequence of str, optional
            Names of any values; by default the graph's outputs.

        Returns
        -------
        dict
            Name -> ndarray of shape (N, ...).

        Raises
        ------
        ArgumentError
            If there is no such value.
        """
        if self.check_input(x):
            x = x[np.newaxis]
        flow = self.flow
        if names is not None:
            if unknown := [name for name in names if name not in self.children]:
                raise ArgumentError(
                    f"values: the graph computes no {some(unknown)}; there are "
                    f"{some(list(self.children))}."
                )
            flow = Flow(self.links, self.inputs, tuple(names), self.fixed_values)
        return flow.run(self._given(x), Context(recording=False), None)

    def _given(self, x: Any) -> dict[str, Array]:
        if isinstance(x, Mapping):
            return dict(x)
        if len(self.inputs) > 1:
            raise ArgumentError(
                f"Graph '{self.path}' has the inputs {', '.join(self.inputs)}, so it cannot stand "
                "where one array is handed on."
            )
        return {self.inputs[0]: x}

    def _run(self, x: Any, context: Context, tape: Tape | None) -> Array:
        given = self._given(x)
        if not (self.frozen and context.training):
            return self.flow.run(given, context, tape)[self.outputs[0]]
        all_of_it = tape is not None and tape.keep == "all"
        fixed = replace(context, training=False, recording=all_of_it)
        between = self.below.run(given, fixed, tape if all_of_it else None)
        return self.above.run(between, context, tape)[self.outputs[0]]

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Any:
        grads: Mapping[str, Array] = {self.outputs[0]: grad_y}
        if not (self.frozen and context.training):
            grads = self.flow.run_back(grads, tape, context)
        elif tape.keep == "all":
            between = self.above.run_back(grads, tape, replace(context, input_gradient=True))
            grads = self.below.run_back(between, tape, context)
        elif context.input_gradient:
            raise no_gradient_below(self.frozen)
        else:
            grads = self.above.run_back(grads, tape, context)
        if not context.input_gradient:
            return None
        return grads[self.inputs[0]] if len(self.inputs) == 1 else grads

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        if type(self)._run is not Graph._run:
            yield from super()._stage_rows(training)
        elif self.frozen and training:
            yield from self.below.rows(training=False)
            yield from self.above.rows(training)
        else:
            yield from self.flow.rows(training)
