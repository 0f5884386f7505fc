"""What a graph is given: nodes with the names of what they read, checked."""

import re
from collections.abc import Sequence
from typing import Any

from clearconv.arrays import Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import count
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.stages.weave import Link
from clearconv.words import cut, some

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_MOST_NODES = 10_000
_MOST_LETTERS = 200


def links_of(nodes: Sequence[Any]) -> list[Link]:
    """Return the nodes with their wiring."""
    links = [link_of(entry) for entry in nodes]
    if not links:
        raise ArgumentError("Graph: no nodes were given; it needs at least one.")
    if len(links) > _MOST_NODES:
        raise ArgumentError(
            f"Graph: {len(links):,} nodes were given, but at most {_MOST_NODES:,} are taken."
        )
    return links


def inputs_of(given: Any) -> tuple[tuple[str, ...], tuple[Shape, ...]]:
    """Return the names of the inputs, and the shapes of those after the first."""
    entries = (given,) if isinstance(given, str) else tuple(given)
    names, shapes = [], []
    for number, entry in enumerate(entries):
        if number == 0 or isinstance(entry, str):
            names.append(entry)
            if number:
                raise ArgumentError(
                    f"Graph: the input {entry!r} has no shape. `build` gives that of the first "
                    f"input; each further one says its own: inputs=({entries[0]!r}, ({entry!r}, "
                    "(channels, height, width)))."
                )
        else:
            name, shape = entry
            names.append(name)
            shapes.append(tuple(count("Graph", f"each size of {name!r}", size) for size in shape))
    return names_of("an input", names), tuple(shapes)


def link_of(entry: Any) -> Link:
    """Return a node with its wiring; raise for anything else."""
    if not isinstance(entry, (tuple, list)) or len(entry) < 2:
        raise ArgumentError(
            f"Graph: {cut(repr(entry), 80)} was given, but each node is (name, node, *names of "
            'what it reads), such as ("conv1", Conv2d(8, 3), "x").'
        )
    writes, node, *reads = entry
    (writes, *reads) = names_of("a node", (writes, *reads))
    if not isinstance(node, MultiInput) and len(reads) != 1:
        raise ArgumentError(
            f"Graph: {writes!r} reads {len(reads)} values, but {type(node).__name__} takes one. "
            "Layers that take several are Add, Multiply and Join, among others."
        )
    return Link(writes, node, tuple(reads))


def names_of(what: str, names: Any) -> tuple[str, ...]:
    """Return names as a tuple, if that is what they are."""
    listed = (names,) if isinstance(names, str) else tuple(names)
    for one in listed:
        named = isinstance(one, str) and len(one) <= _MOST_LETTERS and _NAME.fullmatch(one)
        if not named:
            raise ArgumentError(
                f"Graph: {cut(repr(one), 80)} as a name of {what}, but a name is text of letters, "
                "digits, '_' or '-', in parts with dots between them, such as 'layer1.0.conv1'."
            )
    if not listed:
        raise ArgumentError(f"Graph: {what}={names!r}, but at least one name is needed.")
    return listed


def check_wiring(links: Sequence[Link], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise unless every name is written once, before it is read, and read by somebody."""
    known: set[str] = set()
    every = {link.writes for link in links}
    for name in inputs:
        if name in known:
            raise ArgumentError(f"Graph: two inputs are called {name!r}.")
        known.add(name)
    read: set[str] = set(outputs)
    for link in links:
        for name in link.reads:
            if name in known:
                continue
            if name in every:
                raise ArgumentError(
                    f"Graph: {link.writes!r} reads {name!r}, which is not computed before it. "
                    "Nodes are listed in the order they run; if there is none, it has a cycle."
                )
            raise ArgumentError(
                f"Graph: {link.writes!r} reads {name!r}, but there is no such value; before it "
                f"there are {some(sorted(known))}."
            )
        if link.writes in known:
            raise ArgumentError(
                f"Graph: two values are called {link.writes!r}. Each needs a name of its own."
            )
        known.add(link.writes)
        read.update(link.reads)
    for name in outputs:
        if name not in every:
            raise ArgumentError(
                f"Graph: the output {name!r} is not computed by any node; there are "
                f"{some(sorted(every))}."
            )
    if unread := [name for name in known if name not in read]:
        raise ArgumentError(
            f"Graph: nothing reads {some(sorted(unread))}. Leave it out, or make it an output."
        )
