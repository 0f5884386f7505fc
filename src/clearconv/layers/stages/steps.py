"""The steps of a graph: a node by itself, or several nodes as one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

import numpy as np

from clearconv.errors import ShapeError
from clearconv.layers.activation.activations import Activation
from clearconv.layers.base.layer import Layer, at_layer
from clearconv.layers.base.multi_input import MultiInput
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.shape.join import Join
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.growth import DenseGrowth
from clearconv.layers.stages.owed import Owed
from clearconv.layers.stages.stage import ArrayOrNormalised, ResidualEnd, computed
from clearconv.ops import activation, conv_block

Values = Mapping[str, ArrayOrNormalised]


class GraphStep(Protocol):
    """One step of a graph: it computes one value from others.

    Attributes
    ----------
    reads : tuple of str
        Names of the values that it reads.
    writes : str
        Name of the value that it computes.
    lazy : bool
        Whether what it reads may be computed later.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values that it reads."""

    @property
    def writes(self) -> str:
        """Name of the value that it computes."""

    @property
    def lazy(self) -> bool:
        """Whether it takes values that are not computed yet."""

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward; the result may be computed later."""

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward: take the gradient of what it wrote, and add to those of what it read."""


@dataclass(frozen=True)
class NodeStep:
    """One node by itself."""

    node: Node
    reads: tuple[str, ...]
    writes: str
    lazy: bool = False

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self.node._stage_rows(training)

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        xs = tuple(computed(values[name]) for name in self.reads)
        if isinstance(self.node, MultiInput):
            return self.node.run_inputs(xs, context, tape)
        return self.node._run(xs[0], context, tape)

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward."""
        if (taken := owed.take(self.writes)) is None:
            return
        grad_y, _ = taken
        wanted = tuple(map(owed.wants, self.reads))
        context = replace(context, input_gradient=any(wanted))
        if isinstance(self.node, MultiInput):
            grads = self.node.run_back_inputs(grad_y, tape, wanted, context)
        else:
            grads = (self.node._run_back(grad_y, tape, context),)
        for number, (name, grad) in enumerate(zip(self.reads, grads, strict=True)):
            if grad is not None:
                others = (grad_y, *grads[:number], *grads[number + 1 :])
                owed.add(name, grad, beside=others)


@dataclass(frozen=True)
class RowStep:
    """Nodes one after another, none of whose inner values is read by others."""

    chain: Chain
    source: str
    writes: str
    lazy: bool = True

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return (self.source,)

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self.chain.rows(training)

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        return self.chain.run(values[self.source], context, tape)

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward."""
        if (taken := owed.take(self.writes)) is not None:
            _back_through(self.chain, self.source, taken, owed, tape, context)


@dataclass(frozen=True)
class SumStep:
    """The end of a residual block, as ``Residual`` runs it: two chains, a sum, perhaps a ReLU.

    Attributes
    ----------
    add : Layer
        The layer that adds.
    body, aside : Chain
        Chains that compute the summands; without nodes where a summand is used elsewhere too.
    sources : (str, str)
        Names of the values that the chains read.
    writes : str
        Name of the sum, or of what the ReLU makes of it.
    relu : Activation or None
        The ReLU.
    lazy : bool
        Whether it takes values that are not computed yet.
    """

    add: Layer
    body: Chain
    aside: Chain
    sources: tuple[str, str]
    writes: str
    relu: Activation | None = None
    lazy: bool = True

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return self.sources

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self.aside.rows(training)
        words = "sum" if self.relu is None else "sum + ReLU"
        paths = (self.add.path, *(() if self.relu is None else (self.relu.path,)))
        if training:
            yield from self.body.rows(training)
            yield StageRow(paths, (Call("conv_block.add", words),))
        else:
            yield from self.body.rows_with_sum(words, paths)

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        first, second = self.sources
        relu = self.relu is not None
        beside = self.aside.run(values[second], context, tape)
        if tape is None:
            end = ResidualEnd(computed(beside), relu)
            try:
                return self.body.run(values[first], context, None, end)
            except ShapeError as error:
                raise at_layer(self.add.label, error) from None
        body = self.body.run(values[first], context, tape)
        try:
            y = conv_block.add(body, beside, relu)
        except ShapeError as error:  # another image size than the graph was built for
            raise at_layer(self.add.label, error) from None
        if self.relu is not None:
            tape.saved[self.relu.path] = y
        return y

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward: both chains get the gradient, through the ReLU's gate."""
        if (taken := owed.take(self.writes)) is None:
            return
        grad_y, own = taken
        if self.relu is not None:
            saved = activation.ActivationSaved("relu", 0.0, tape.recall(self.relu.path, grad_y))
            grad_y, own = activation.backward_input(grad_y, saved), True
        own = own and bool(self.body.nodes)  # else both summands hold on to it
        _back_through(self.aside, self.sources[1], (grad_y, own), owed, tape, context)
        _back_through(self.body, self.sources[0], (grad_y, False), owed, tape, context, own)


@dataclass(frozen=True)
class JoinStep:
    """Maps joined along the channels, any of which may not be computed yet."""

    node: Join
    reads: tuple[str, ...]
    channels: tuple[int, ...]
    writes: str
    lazy: bool = True

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self.node._stage_rows(training)

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        try:
            return conv_block.join([values[name] for name in self.reads])
        except ShapeError as error:
            raise at_layer(self.node.label, error) from None

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward: each value gets its channels of the gradient."""
        if (taken := owed.take(self.writes)) is None:
            return
        ends = list(accumulate(self.channels))
        for name, start, end in zip(self.reads, [0, *ends], ends, strict=False):
            owed.add(name, taken[0][:, start:end])


@dataclass(frozen=True)
class GrowthStep:
    """Values that grow by joins, each of which adds channels computed from those before."""

    growth: DenseGrowth
    source: str
    writes: str
    lazy: bool = True

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return (self.source,)

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield from self.growth.rows(training)

    def run(self, values: Values, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        return self.growth.run(values[self.source], context, tape)

    def run_back(self, owed: Owed, tape: Tape, context: Context) -> None:
        """Backward."""
        if (taken := owed.take(self.writes)) is None:
            return
        if not owed.wants(self.source):
            self.growth.run_back(taken[0], tape, context)
            return
        into = owed.room(self.source)
        grad = self.growth.run_back(taken[0], tape, context, into)
        if into is None:
            owed.add(self.source, grad, beside=(taken[0],))


def _back_through(
    chain: Chain,
    source: str,
    taken: tuple[ArrayOrNormalised, bool],
    owed: Owed,
    tape: Tape,
    context: Context,
    given_away: bool = False,
) -> None:
    """Run a chain backward, and add what comes out to what is owed to its source.

    If its gradient is `given_away`, somebody else may write into it after this.
    """
    grad_y, own = computed(taken[0]), taken[1]
    wanted = owed.wants(source)
    if not chain.nodes:
        owed.add(source, grad_y, own=own)
        return
    context = replace(context, input_gradient=wanted)
    into = owed.room(source) if wanted else None
    grad = chain.run_back(grad_y, tape, context, into)
    if wanted and into is None:
        assert grad is not None
        if given_away and np.may_share_memory(grad, grad_y):
            grad = grad.copy(order="K")
        owed.add(source, grad, beside=(grad_y,))
