"""Branches side by side on one input, their channels joined."""

from collections.abc import Iterator

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.activation.activations import Identity
from clearconv.layers.base.layer import at_layer
from clearconv.layers.base.node import Node
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.stages.chain import Chain
from clearconv.layers.stages.stage import computed
from clearconv.layers.wiring.container import Container
from clearconv.ops import conv_block


class Concat(Container):
    """Branches side by side on the same input, their channels joined in order.

    Backward, each branch gets its own channels of `grad_y`, and the gradient of the input is the
    sum of what the branches return. ``Concat(Identity(), branch)`` passes its input on and adds
    channels to it; several of these in a row share one array.

    Parameters
    ----------
    *branches : Node
        Branches that each take x; their outputs agree in height and width.
    name : str, optional
        Its part of the path.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", 2015.
    """

    prefix = "concat"
    starred = "branches"

    def __init__(self, *branches: Node, name: str | None = None) -> None:
        if not branches:
            raise ArgumentError("Concat: no branches were given; it needs at least one.")
        super().__init__(name, branches=branches)
        self._adopt_all(branches)

    def _wire(self, input_shape: Shape) -> Shape:
        shapes = [self._place_child(key, input_shape) for key in self.children]
        if len({shape[1:] for shape in shapes}) > 1:
            raise ShapeError(
                f"Concat '{self.path}': the branches give {', '.join(map(str, shapes))}; all axes "
                "but the channels must agree. Check their strides and padding."
            )
        self.branches = [Chain(child.in_a_row()) for child in self.children.values()]
        hands_on = type(next(iter(self.children.values()))) is Identity
        grows = type(self) is Concat and hands_on and len(shapes) == 2 and len(input_shape) == 3
        #: The part that adds channels to an input passed on; a chain of these runs as one step.
        self.added = self.branches[1] if grows else None
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        if type(self)._run is not Concat._run:
            yield from super()._stage_rows(training)
            return
        for chain in self.branches:
            yield from chain.rows(training)
        function = "conv_block.join" if len(self.output_shape) == 3 else "numpy.concatenate"
        yield StageRow((self.path or "joined",), (Call(function, "join channels"),))

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        parts = [chain.run(x, context, tape) for chain in self.branches]
        if len(parts[0].shape) == 4:
            try:
                y = conv_block.join(parts)
            except ShapeError as error:  # another image size than the model was built for
                raise at_layer(f"Concat '{self.path}'", error) from None
        else:
            y = np.concatenate([computed(part) for part in parts], axis=1)
        if tape is not None:
            tape.around(self.path, x, y)
        return y

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        tape.around_back(self.path, grad_y)
        total: Array | None = None
        start = 0
        for chain, child in zip(self.branches, self.children.values(), strict=True):
            end = start + child.output_shape[0]
            grad = chain.run_back(grad_y[:, start:end], tape, context, total)
            start = end
            if total is None and grad is not None:
                own = grad.flags.writeable and not np.may_share_memory(grad, grad_y)
                own = own and tape.keep != "all"  # the tape holds what a layer returned
                total = grad if own else grad.copy(order="K")
        return total
