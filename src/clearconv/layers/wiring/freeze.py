"""Where to split a model whose first layers are frozen."""

from collections.abc import Iterator, Sequence

from clearconv.errors import ArgumentError, TapeError
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import join
from clearconv.layers.wiring.container import Container
from clearconv.words import some


def frozen_nodes(model: Container, before: int | str, nodes: list[Node]) -> int:
    """Return the number of frozen nodes at the start of a chain.

    Parameters
    ----------
    model : Container
        Built model.
    before : int or str
        Argument of ``Sequential.freeze``.
    nodes : list of Node
        Nodes of the model, including those of chains inside it.
    """
    children = list(model.children.values())
    place: int | None
    if isinstance(before, int) and not isinstance(before, bool):
        if not 0 <= before <= len(children):
            raise ArgumentError(
                f"freeze({before}): the model has {len(children)} layers and blocks in a row "
                f"({_named(model)}). Give a number up to that, or a name."
            )
        ahead = [layer for child in children[:before] for layer in child.leaves()]
        place = _place(nodes, len(ahead))
    else:
        found = next((n for n in _within(model) if n.path == join(model.path, str(before))), None)
        if found is None:
            raise ArgumentError(
                f"freeze({before!r}): the model has no layer or block of that name; it has "
                f"{_named(model)}."
            )
        first = next(found.leaves())
        place = _place(nodes, next(i for i, leaf in enumerate(model.leaves()) if leaf is first))
    if place is None:
        raise ArgumentError(
            f"freeze({before!r}): {before!r} is inside a block whose parts do not run one after "
            "another, so nothing ends before it. Name the block, or one after it."
        )
    if not any(layer.declared for node in nodes[place:] for layer in node.leaves()):
        raise ArgumentError(
            f"freeze({before!r}) would leave nothing to train: only {len(nodes) - place} layers "
            f"without parameters come after. Freeze fewer ({_named(model)})."
        )
    return place


def frozen_links(before: int | str, names: Sequence[str]) -> int:
    """Return the number of frozen nodes at the start of a graph, whose nodes have these names."""
    if isinstance(before, int) and not isinstance(before, bool):
        if not 0 <= before <= len(names):
            raise ArgumentError(
                f"freeze({before}): the graph has {len(names)} nodes. Give a number up to that, or "
                "a name."
            )
        return before
    if before not in names:
        raise ArgumentError(
            f"freeze({before!r}): the graph has no node of that name; it has {some(names, 12)}."
        )
    return names.index(before)


def no_gradient_below(frozen: int | str) -> TapeError:
    """Return the error for dL/dx of a model whose first layers are frozen."""
    return TapeError(
        f"backward: the first layers are frozen ({frozen!r}), and a training pass keeps nothing of "
        "them, so there is no dL/dx. Write backward(grad_y, input_gradient=False), or record the "
        "pass with keep='all'."
    )


def _place(nodes: list[Node], leaves: int) -> int | None:
    """Return the number of nodes that hold this many leaves; None if that would split a node."""
    place = 0
    while leaves > 0:
        leaves -= sum(1 for _ in nodes[place].leaves())
        place += 1
    return place if leaves == 0 else None


def _within(node: Node) -> Iterator[Node]:
    for child in node.children.values() if isinstance(node, Container) else ():
        yield child
        yield from _within(child)


def _named(model: Container) -> str:
    names = [name for name in model.children if not name.startswith("#")]
    return some(names, 12)
