"""One layer after another."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.stage import computed
from clearconv.layers.wiring.container import Container
from clearconv.layers.wiring.freeze import frozen_nodes, no_gradient_below
from clearconv.layers.wiring.parts import parts


class Sequential(Container):
    """One layer after another.

    Parameters
    ----------
    *layers : Node
        Layers in the order they run.
    name : str, optional
        Its part of the path.
    """

    prefix = "sequential"
    starred: str | None = "layers"

    def __init__(self, *layers: Node, name: str | None = None) -> None:
        super().__init__(name, layers=layers)
        self.keys = self._adopt_all(layers)

    def freeze(self, before: int | str) -> Self:
        """Keep the first layers as they are while the others are trained.

        In a training pass they then run as in evaluation (running statistics, no dropout) and
        leave nothing on the tape, their parameters get no gradient, no update and no decay, and
        backward stops above them: a step takes less time and memory. ``build`` undoes it.

        Parameters
        ----------
        before : int or str
            Number of children to freeze, or the name of the first child that is not frozen; a
            path, such as "layer3.1", inside a child that is a ``Sequential``. 0 freezes nothing.

        Returns
        -------
        Sequential
            Itself.

        Raises
        ------
        ArgumentError
            If there is no such child, or nothing would be left to train.
        ShapeError
            If it is not built, or is a part of a model.
        """
        store, nodes = self.store, self.steps.nodes
        place = frozen_nodes(self, before, nodes)
        store.freeze(layer for node in nodes[:place] for layer in node.leaves())
        self.frozen = before if place else 0
        self.below, self.above = Chain(nodes[:place]), Chain(nodes[place:])
        self.tape = None
        return self

    def parted(self) -> tuple[Node, Node]:
        """Return the frozen layers and the others as two models that share this one's numbers.

        ``above.forward(below.forward(x))`` is ``forward(x)``, and a training pass of `above`
        followed by ``above.backward`` fills the same gradients. So what `below` gives for an image
        can be computed once and kept.

        Returns
        -------
        below, above : Node
            Valid until the next ``freeze`` or ``build``.

        Raises
        ------
        ArgumentError
            If nothing is frozen.
        """
        if not self.frozen:
            raise ArgumentError("parted: no layer of the model is frozen. Call freeze(...) first.")
        return parts(self, self.below, self.above)

    @property
    def parts_between_stages(self) -> bool:
        """Whether layers that run as one in evaluation are all frozen, or none of them is.

        Then evaluation gives the same bits in one pass and in the two passes of ``parted``.
        """
        whole = list(self.steps.rows(training=False))
        return not self.frozen or whole == [
            *self.below.rows(training=False),
            *self.above.rows(training=False),
        ]

    def in_a_row(self) -> Iterator[Node]:
        """Yield the nodes that run one after another, those of inner chains among them."""
        if type(self)._run is not Sequential._run:
            yield self  # a subclass with its own pass: only it knows what runs when
            return
        for child in self.children.values():
            yield from child.in_a_row()

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take; frozen layers take any."""
        nodes = self.above.nodes if self.frozen else list(self.children.values())
        return max((node.smallest_batch for node in nodes), default=1)

    def _wire(self, input_shape: Shape) -> Shape:
        shape = self._chain(self.keys, input_shape)
        self.steps = Chain(self.in_a_row())
        self.frozen = 0
        return shape

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        if type(self)._run is not Sequential._run:
            yield from super()._stage_rows(training)
        elif self.frozen and training:
            yield from self.below.rows(training=False)
            yield from self.above.rows(training)
        else:
            yield from self.steps.rows(training)

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        if not (self.frozen and context.training):
            return computed(self.steps.run(x, context, tape))
        all_of_it = tape is not None and tape.keep == "all"
        fixed = replace(context, training=False, recording=all_of_it)
        below = computed(self.below.run(x, fixed, tape if all_of_it else None))
        return computed(self.above.run(below, context, tape))

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        if not (self.frozen and context.training):
            return self.steps.run_back(grad_y, tape, context)
        if tape.keep != "all":
            if context.input_gradient:
                raise no_gradient_below(self.frozen)
            return self.above.run_back(grad_y, tape, context)
        grad = self.above.run_back(grad_y, tape, replace(context, input_gradient=True))
        assert grad is not None
        return self.below.run_back(grad, tape, context)
