"""A graph, or a part of one, run forward and backward."""

from collections.abc import Iterator, Mapping, Sequence

from clearconv.arrays import Array
from clearconv.layers.base.staged import StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.owed import Owed
from clearconv.layers.stages.stage import ArrayOrNormalised, computed
from clearconv.layers.stages.steps import GraphStep, NodeStep
from clearconv.layers.stages.weave import Link, weave


class Flow:
    """The steps of a graph or of a part of one.

    Parameters
    ----------
    links : sequence of Link
        In an order in which they can run; placed.
    inputs, outputs : sequence of str
        Values that are given, and that are needed after the pass.
    fixed : set of str
        Values that are made of constants alone.
    """

    def __init__(
        self,
        links: Sequence[Link],
        inputs: Sequence[str],
        outputs: Sequence[str],
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        self.links, self.inputs, self.outputs = tuple(links), tuple(inputs), tuple(outputs)
        self._fixed = fixed
        learns: set[str] = set()  # values that depend on a parameter
        for link in links:
            declares = any(layer.declared for layer in link.node.leaves())
            if declares or any(name in learns for name in link.reads):
                learns.add(link.writes)
        self._learns = frozenset(learns)
        self.steps = _Scheduled(weave(links, outputs), outputs)
        alone = [NodeStep(link.node, link.reads, link.writes) for link in links]
        self._alone = _Scheduled(alone, outputs)

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        for step in self.steps.order:
            yield from step.rows(training)

    def run(
        self, given: Mapping[str, Array], context: Context, tape: Tape | None
    ) -> dict[str, Array]:
        """Run forward; return the values of the outputs."""
        values: dict[str, ArrayOrNormalised] = dict(given)
        scheduled = self._scheduled(tape)
        for step, done in zip(scheduled.order, scheduled.done, strict=True):
            y = step.run(values, context, tape)
            values[step.writes] = y if step.writes in scheduled.may_wait else computed(y)
            for name in done:
                del values[name]  # nobody reads it any more
        return {name: computed(values[name]) for name in self.outputs}

    def run_back(
        self, grads: Mapping[str, Array], tape: Tape, context: Context
    ) -> dict[str, Array]:
        """Run backward from the outputs; return dL/d(input) of each input that has one."""

        def wants(name: str) -> bool:
            depends = context.input_gradient and name not in self._fixed
            return tape.keep == "all" or depends or name in self._learns

        owed = Owed(wants, in_place=tape.keep != "all")
        for name, grad in grads.items():
            owed.add(name, grad)
        for step in reversed(self._scheduled(tape).order):
            step.run_back(owed, tape, context)
        taken = {name: owed.take(name) for name in self.inputs}
        return {name: held[0] for name, held in taken.items() if held is not None}

    def _scheduled(self, tape: Tape | None) -> "_Scheduled":
        return self._alone if tape is not None and tape.keep == "all" else self.steps


class _Scheduled:
    """Steps in order, and after each of them the values that are no longer needed."""

    def __init__(self, order: Sequence[GraphStep], outputs: Sequence[str]) -> None:
        self.order = list(order)
        last: dict[str, int] = {}
        readers: dict[str, list[GraphStep]] = {}
        for place, step in enumerate(order):
            last.setdefault(step.writes, place)
            for name in step.reads:
                last[name] = place
                readers.setdefault(name, []).append(step)
        self.done: list[list[str]] = [[] for _ in order]
        for name, place in last.items():
            if name not in outputs:
                self.done[place].append(name)
        #: Values with a single reader, which computes them itself.
        self.may_wait = {
            name
            for name, steps in readers.items()
            if len(steps) == 1 and steps[0].reads.count(name) == 1 and steps[0].lazy
        } - set(outputs)
