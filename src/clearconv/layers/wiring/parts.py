"""The frozen layers of a model, and the others, each as a model that shares its numbers."""

from collections.abc import Iterator
from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.flow import Flow
from clearconv.layers.stages.stage import computed


class _Part(Node):
    """Neighbouring layers of a built model, which run alone; parameters are the model's own."""

    def __init__(self, whole: Node, chain: "Chain | OneWay", input_shape: Shape) -> None:
        super().__init__(whole.name)
        self.path, self.input_shape = whole.path, input_shape
        self.output_shape = chain.nodes[-1].output_shape if chain.nodes else input_shape
        self._store, self._chain = whole.store, chain

    def leaves(self) -> Iterator[Layer]:
        """Yield the layers in the order they run."""
        for node in self._chain.nodes:
            yield from node.leaves()

    def _place(self, path: str, input_shape: Shape) -> Shape:
        raise ShapeError("A part of a model cannot be built by itself. Build the model.")

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        yield from self._chain.rows(training)

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        return computed(self._chain.run(x, context, tape))

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        return self._chain.run_back(grad_y, tape, context)

    def __reduce__(self) -> Any:
        raise TypeError("A part of a model cannot be copied by itself. Copy the model.")


def parted_after(model: Node, path: str) -> tuple[Node, Node] | None:
    """Return both parts of a chain, where the layer or container of this path is the last below.

    Returns
    -------
    below, above : Node, or None
        None if the model is no chain, or what has this path is inside one of its blocks.
    """
    nodes = list(model.in_a_row())
    for place, node in enumerate(nodes[:-1], 1):
        itself = isinstance(node, Layer) or all(leaf.path != path for leaf in node.leaves())
        if node.path == path and itself:
            return parts(model, Chain(nodes[:place]), Chain(nodes[place:]))
    return None


class OneWay:
    """A part of a graph that takes one value and gives one.

    Parameters
    ----------
    flow : Flow
        The part; its last node computes the first output.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        nodes = {link.writes: link.node for link in flow.links}
        end = flow.outputs[0]
        self.nodes = [node for name, node in nodes.items() if name != end]
        self.nodes += [nodes[end]] if end in nodes else []

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self._flow.rows(training)

    def run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        """Forward."""
        return self._flow.run({self._flow.inputs[0]: x}, context, tape)[self._flow.outputs[0]]

    def run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        """Backward."""
        grads = self._flow.run_back({self._flow.outputs[0]: grad_y}, tape, context)
        return grads.get(self._flow.inputs[0]) if context.input_gradient else None


def parts(model: Node, below: Chain | OneWay, above: Chain | OneWay) -> tuple[Node, Node]:
    """Return both parts of a model as models that share its numbers."""
    lower = _Part(model, below, model.input_shape)
    return lower, _Part(model, above, lower.output_shape)
