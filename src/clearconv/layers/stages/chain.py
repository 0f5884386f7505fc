"""One node after another, run stage by stage."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeGuard

import numpy as np

from clearconv.arrays import Array
from clearconv.layers.activation.activations import Identity
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.conv import ConvStage
from clearconv.layers.stages.growth import DenseGrowth
from clearconv.layers.stages.plan import ChainStep, plan_stages
from clearconv.layers.stages.stage import ArrayOrNormalised, ResidualEnd, computed
from clearconv.ops import conv_block


class Chain:
    """One node after another, grouped into stages."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = list(nodes)
        self.stages = plan_stages(self.nodes)
        learns = (i for i, step in enumerate(self.stages) if _learns(step))
        self.lowest = next(learns, len(self.stages))  # the first stage with parameters

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        steps = iter(self.stages)
        absorbed = 0  # remaining nodes of the previous step
        for node in self.nodes:
            if absorbed:
                absorbed -= 1
            elif type(node) is Identity:
                yield StageRow((node.path,), ())
            else:
                step = next(steps)
                if isinstance(step, Node):
                    yield from step._stage_rows(training)
                else:
                    absorbed = len(step.names if isinstance(step, DenseGrowth) else step.layers) - 1
                    yield from step.rows(training)

    def rows_with_sum(self, words: str, paths: tuple[str, ...]) -> Iterator[StageRow]:
        """Yield what runs in evaluation when a sum, described by `words`, follows."""
        rows = list(self.rows(training=False))
        last = self.stages[-1] if self.stages else None
        if _may_end_in_sum(last):
            place = max(i for i, row in enumerate(rows) if last.conv.path in row.layers)
            rows[place] = last.row_with_sum(words, paths)
        else:
            rows.append(StageRow(paths, (Call("conv_block.add", words),)))
        yield from rows

    def run(
        self,
        x: ArrayOrNormalised,
        context: Context,
        tape: Tape | None,
        end: ResidualEnd | None = None,
    ) -> ArrayOrNormalised:
        """Run forward; the result may be computed later. `end` only without a tape."""
        steps = self._steps(tape)
        last = len(steps) - 1
        for place, step in enumerate(steps):
            if isinstance(step, Node):
                x = step._run(computed(x), context, tape)
            elif place == last and end is not None and _may_end_in_sum(step):
                return step.run(x, context, tape, end)
            else:
                x = step.run(x, context, tape)
        if end is None:
            return x
        return conv_block.add(x, end.array, end.relu)

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array | None:
        """Run backward; if dL/dx is not wanted, only as far as the first parameters.

        With `into` the result is added to that array, which is returned.
        """
        grad: Array | None = grad_y
        inner = replace(context, input_gradient=True)
        steps = self._steps(tape)
        last = 0 if context.input_gradient or tape.keep == "all" else self.lowest
        for place in range(len(steps) - 1, last - 1, -1):
            step, asked = steps[place], context if place == last else inner
            assert grad is not None
            if isinstance(step, Node):
                grad = step._run_back(grad, tape, asked)
            elif place == 0 and into is not None and not np.may_share_memory(grad, into):
                return step.run_back(grad, tape, asked, into)
            else:
                grad = step.run_back(grad, tape, asked)
        if grad is None or not context.input_gradient:
            return None
        if into is None:
            return grad
        into += grad
        return into

    def _steps(self, tape: Tape | None) -> Sequence[ChainStep]:
        return self.nodes if tape is not None and tape.keep == "all" else self.stages


def _learns(step: ChainStep) -> bool:
    return not isinstance(step, Node) or any(layer.declared for layer in step.leaves())


def _may_end_in_sum(step: ChainStep | None) -> TypeGuard[ConvStage]:
    return isinstance(step, ConvStage) and not step.relu and not step.pool
