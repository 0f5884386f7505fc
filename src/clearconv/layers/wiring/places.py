"""The places of a model: its layers and joins with their inputs, read off its containers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from clearconv.errors import ArgumentError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.shape.join import Join
from clearconv.layers.wiring.concat import Concat
from clearconv.layers.wiring.graph import Graph
from clearconv.layers.wiring.residual import Residual
from clearconv.layers.wiring.sequential import Sequential


@dataclass(frozen=True)
class Place:
    """A layer, or the end of a Residual or Concat, with the paths of what it reads."""

    path: str
    node: Node
    sources: tuple[str, ...]
    alone: bool = True  # whether the tape has its arrays under the node's path

    def slots(self, channels: Sequence[int]) -> tuple[slice, ...]:
        """Return where channels that are joined lie, given each input's number of them."""
        joins = isinstance(self.node, Join) and self.node.axis == 1
        if not (joins or isinstance(self.node, Concat)):
            return ()
        ends = list(accumulate(channels))
        return tuple(map(slice, [0, *ends], ends))


@dataclass(frozen=True)
class Places:
    """All places in the order they run, the input's path, and the path of the model's y."""

    places: tuple[Place, ...]
    input: str
    end: str

    def consumers(self, path: str) -> tuple[str, ...]:
        """Return the readers of this y, listed once per use."""
        return tuple(p.path for p in self.places for source in p.sources if source == path)


def wire(what: str, model: Node) -> Places:
    """Read the places off a built model; error messages begin with `what`.

    Raises
    ------
    ArgumentError
        If a container is not a Sequential, Residual, Concat or Graph: only it knows its wiring.
    """
    taken = {layer.path for layer in model.leaves()}
    places: list[Place] = []

    def free(path: str, word: str) -> str:
        """Return the path, made different from every layer's."""
        found = path if path not in taken else join(path, word)
        while found in taken:
            found += "_"
        taken.add(found)
        return found

    def walk(node: Node, source: str) -> str:
        """Place a node that reads this y; return the path of its output."""
        if isinstance(node, Layer):
            places.append(Place(node.path, node, (source,)))
            return node.path
        if isinstance(node, Sequential) and type(node)._run is Sequential._run:
            for child in node.children.values():
                source = walk(child, source)
            return source
        if isinstance(node, Residual) and type(node)._run is Residual._run:
            body = source
            for key in node.body:
                body = walk(node.children[key], body)
            beside = source if node.shortcut is None else walk(node[node.shortcut], source)
            path = free(node.path, "sum")
            places.append(Place(path, node, (body, beside), path == node.path))
            return path if node.activation is None else walk(node[node.activation], path)
        if isinstance(node, Concat) and type(node)._run is Concat._run:
            ends = tuple(walk(child, source) for child in node.children.values())
            path = free(node.path, "joined")
            places.append(Place(path, node, ends, path == node.path))
            return path
        if isinstance(node, Graph) and type(node)._run is Graph._run:
            return through(node, source)
        raise ArgumentError(
            f"{what}: {type(node).__name__} '{node.path}' is a container of your own, and only it "
            "knows which of its layers hands what to which. Build it of Sequential, Residual, "
            f"Concat and Graph to {what} it."
        )

    def through(graph: Graph, source: str) -> str:
        """Place a graph's nodes, as far as its first output depends on them."""
        if len(graph.inputs) > 1:
            raise ArgumentError(
                f"{what}: the graph has the inputs {', '.join(graph.inputs)}, but only a model "
                f"with one input can be used to {what}."
            )
        ends = {graph.inputs[0]: source}
        for link in graph.ancestors(graph.outputs[0]):
            reads = tuple(ends[name] for name in link.reads)
            if isinstance(link.node, MultiInput):
                places.append(Place(link.node.path, link.node, reads))
                ends[link.writes] = link.node.path
            else:
                ends[link.writes] = walk(link.node, reads[0])
        return ends[graph.outputs[0]]

    start = free("input", "images")
    end = walk(model, start)
    return Places(tuple(places), start, end)
