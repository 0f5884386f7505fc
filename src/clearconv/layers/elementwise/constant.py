"""Numbers that do not come from the image."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import count, is_number
from clearconv.layers.base.multi_input import Grads, MultiInput
from clearconv.layers.base.numbers.initial import constant
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context


class Constant(MultiInput):
    """Numbers that are the same for all images; a value of a ``Graph`` that reads nothing.

    The numbers themselves are in ``state_dict()`` under ``PATH.value``, and are set by
    ``load_state_dict``, as those of any layer.

    Parameters
    ----------
    shape : tuple of int
        Shape, without the batch axis; () for one number, which acts as (1,).
    fill : float
        First value of each number.
    learnt : bool
        Whether they are learnt by gradient, without weight decay.
    name : str, optional
        Its part of the path.

    Notes
    -----
    ``value`` of shape `shape` is a parameter if `learnt`, else a buffer.
    """

    prefix = "constant"
    least = most = 0

    def __init__(
        self,
        shape: Shape = (),
        fill: float = 0.0,
        learnt: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        if not isinstance(shape, (tuple, list)):
            raise ArgumentError(
                f"Constant: shape={shape!r}, but a tuple of sizes is needed, such as (8, 1, 1)."
            )
        if not is_number(fill):
            raise ArgumentError(f"Constant: fill={fill!r}, but a number is needed.")
        sizes = tuple(count("Constant", "each size of shape", size) for size in shape)
        super().__init__(name, shape=sizes, fill=float(fill), learnt=bool(learnt))
        self.shape, self.fill, self.learnt = sizes, float(fill), bool(learnt)

    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        if self.learnt:
            self._parameter("value", self.shape, constant(self.fill, self.shape), decay=False)
        else:
            self._buffer("value", np.broadcast_to(np.float64(self.fill), self.shape))
        return self.shape or (1,)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return ()

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        return self.value("value").reshape(1, *self.output_shape), None

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        if self.learnt:
            self.grad("value")[...] = grad_y.reshape(self.shape)
        return ()
