"""Values side by side along an axis."""

from itertools import accumulate
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.arguments import count
from clearconv.layers.base.multi_input import Grads, MultiInput
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementwise.broadcasting import batch_sum
from clearconv.ops import conv_block


class Join(MultiInput):
    """Values side by side along an axis: what ``Concat`` is for branches, in a ``Graph``.

    Parameters
    ----------
    axis : int
        Axis, counted with the batch: 1 for channels.
    name : str, optional
        Its part of the path.
    """

    prefix = "join"
    least = 1

    def __init__(self, axis: int = 1, *, name: str | None = None) -> None:
        super().__init__(name, axis=count("Join", "axis", axis))
        self.axis = axis

    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        axis = self.axis - 1
        around = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
        if len(around) > 1 or not all(axis < len(shape) for shape in shapes):
            raise ShapeError(
                f"the inputs of one image have the shapes {', '.join(map(str, shapes))}; along all "
                f"axes but axis {self.axis}, counted with the batch, they must agree."
            )
        first = shapes[0]
        return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])

    def _operations(self, training: bool) -> tuple[Call, ...]:
        maps = self.axis == 1 and len(self.output_shape) == 3
        function = "conv_block.join" if maps else "numpy.concatenate"
        return (Call(function, "join channels" if self.axis == 1 else "join"),)

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        N = max(map(len, xs)) if all(map(len, xs)) else 0
        parts = [np.broadcast_to(x, (N, *x.shape[1:])) for x in xs]  # constants for each image
        sizes = [x.shape[self.axis] for x in xs]
        if self.axis == 1 and xs[0].ndim == 4:
            return conv_block.join(parts), sizes
        return np.concatenate(parts, axis=self.axis), sizes

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        ends = list(accumulate(saved))
        grads: list[Array | None] = []
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            part = grad_y[(slice(None),) * self.axis + (slice(start, end),)]
            summed = self.fixed[number] and not all(self.fixed)
            grads.append(
                None if not wanted[number] else batch_sum(part, context) if summed else part
            )
        return tuple(grads)
