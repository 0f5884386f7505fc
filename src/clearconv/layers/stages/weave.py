"""Which nodes of a graph run as one: its wiring grouped into steps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clearconv.layers.activation.activations import Activation, ReLU
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.elementwise.arithmetic import Add
from clearconv.layers.shape.join import Join
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.growth import DenseGrowth
from clearconv.layers.stages.steps import (
    GraphStep,
    GrowthStep,
    JoinStep,
    NodeStep,
    RowStep,
    SumStep,
)


@dataclass(frozen=True)
class Link:
    """A node of a graph with its wiring.

    Attributes
    ----------
    writes : str
        Name of its value.
    node : Node
        The node.
    reads : tuple of str
        Names of the values that it reads.
    """

    writes: str
    node: Node
    reads: tuple[str, ...]


@dataclass
class _Row:
    """Links one after another; each but the first reads the one before, which nobody else reads."""

    links: list[Link]

    @property
    def source(self) -> str:
        return self.links[0].reads[0]

    def chain(self) -> Chain:
        return Chain(node for link in self.links for node in link.node.in_a_row())


def weave(links: Sequence[Link], outputs: Sequence[str]) -> list[GraphStep]:
    """Group a graph's links into steps, in an order in which they can run.

    Parameters
    ----------
    links : sequence of Link
        In an order in which they can run.
    outputs : sequence of str
        Values that are needed after the pass.
    """
    sizes = _channels(links)
    links = _growing(links)
    uses = Counter(name for link in links for name in link.reads) + Counter(outputs)
    rows: dict[str, _Row] = {}  # value -> the row that ends with it
    order: list[_Row | Link] = []
    for link in links:
        row = rows.get(link.reads[0]) if link.reads else None
        if isinstance(link.node, MultiInput):
            order.append(link)
        elif row is not None and uses[link.reads[0]] == 1:
            rows[link.writes] = rows.pop(link.reads[0])
            row.links.append(link)
        else:
            rows[link.writes] = _Row([link])
            order.append(rows[link.writes])
    starts = {item.source: item for item in order if isinstance(item, _Row)}
    sums = {
        item.writes: _as_sum(item, rows, starts, uses)
        for item in order
        if isinstance(item, Link) and _is_plain_sum(item)
    }
    growths = _growths(order, rows, uses)
    steps: list[GraphStep] = []
    for item in order:
        if isinstance(item, Link) and item.writes in growths:
            if (step := growths[item.writes]) is not None:
                steps.append(step)
        elif isinstance(item, _Row):
            if item.links:  # what is left of it
                steps.append(RowStep(item.chain(), item.source, item.links[-1].writes))
        elif item.writes in sums:
            steps.append(sums[item.writes])
        elif (node := _that_joins_maps(item)) is not None:
            channels = tuple(sizes[name] for name in item.reads)
            steps.append(JoinStep(node, item.reads, channels, item.writes))
        else:
            steps.append(NodeStep(item.node, item.reads, item.writes))
    return steps


def _channels(links: Sequence[Link]) -> dict[str, int]:
    """Return the number of channels of each value that is joined or made by joining."""
    sizes: dict[str, int] = {}
    for link in links:
        if (node := _that_joins_maps(link)) is not None:
            sizes |= {name: shape[0] for name, shape in zip(link.reads, node.shapes, strict=True)}
            sizes[link.writes] = node.output_shape[0]
    return sizes


def _growing(links: Sequence[Link]) -> list[Link]:
    """Let a join begin with an earlier one where it lists the same values: (a, b, c) is (ab, c)."""
    joined: dict[tuple[str, ...], str] = {}
    found = []
    for link in links:
        if _that_joins_maps(link) is not None:
            before = joined.get(link.reads[:-1])
            joined.setdefault(link.reads, link.writes)
            if before is not None:
                link = replace(link, reads=(before, link.reads[-1]))
        found.append(link)
    return found


def _growths(
    order: list["_Row | Link"], rows: dict[str, _Row], uses: Counter[str]
) -> dict[str, GrowthStep | None]:
    """Find runs of joins that each add channels to the one before.

    Returns the step that takes the place of the last join of a run, and None for the others.
    """
    grown: dict[str, list[Link]] = {}  # last value -> the joins of a run
    for link in order:
        if not isinstance(link, Link) or _that_joins_maps(link) is None or len(link.reads) != 2:
            continue
        before, new = link.reads
        row = rows.get(new)
        if row is not None and row.links and row.source == before and uses[new] == 1:
            middle = before in grown and uses[before] == 2  # the row and the join
            grown[link.writes] = [*(grown.pop(before) if middle else []), link]
    found: dict[str, GrowthStep | None] = {}
    for writes, joins in grown.items():
        found |= {link.writes: None for link in joins[:-1]}
        added = [rows[link.reads[1]] for link in joins]
        channels = tuple(row.links[-1].node.output_shape[0] for row in added)
        chains = tuple(row.chain() for row in added)
        names = tuple(("", link.node.path) for link in joins)
        growth = DenseGrowth(chains, channels, names)
        found[writes] = GrowthStep(growth, joins[0].reads[0], writes)
        for row in added:
            row.links = []  # they run as a part of the growth
    return found


def _as_sum(
    link: Link, rows: dict[str, _Row], starts: dict[str, _Row], uses: Counter[str]
) -> SumStep:
    """Make a sum one step with the rows that only it reads, and with the ReLU after it."""
    first, second = link.reads
    own = [uses[name] == 1 and name in rows for name in link.reads]
    if own[1] and not own[0]:
        first, second = second, first
    body, source = _summand(first, rows, uses)
    aside, beside = _summand(second, rows, uses)
    assert isinstance(link.node, Add)
    step = SumStep(link.node, body, aside, (source, beside), link.writes)
    after = starts.get(link.writes)
    if after is not None and uses[link.writes] == 1 and _begins_with_relu(after):
        relu = after.links.pop(0)
        assert isinstance(relu.node, Activation)
        step = replace(step, relu=relu.node, writes=relu.writes)
    return step


def _summand(name: str, rows: dict[str, _Row], uses: Counter[str]) -> tuple[Chain, str]:
    """Return the chain that computes a summand and what it reads; without nodes if it is shared."""
    row = rows.get(name) if uses[name] == 1 else None
    if row is None:
        return Chain(()), name
    chain, source = row.chain(), row.source
    row.links = []  # they run as a part of the sum
    return chain, source


def _begins_with_relu(row: _Row) -> bool:
    if not row.links:
        return False
    node = row.links[0].node
    return (type(node) is ReLU or type(node) is Activation) and node.kind == "relu"


def _is_plain_sum(link: Link) -> bool:
    """Return whether a link adds two values of one shape, each of them an image's."""
    node = link.node
    if type(node) is not Add or len(link.reads) != 2 or any(node.fixed):
        return False
    first, second = node.shapes
    return first == second and len(first) in (1, 3)


def _that_joins_maps(link: Link) -> Join | None:
    """Return the node of a link if it joins the channels of maps that depend on the image."""
    node = link.node
    if type(node) is not Join or node.axis != 1 or any(node.fixed):
        return None
    return node if len(node.output_shape) == 3 else None
