"""Places of an axis in a given order: cut out, turned round, repeated, mirrored."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context


class Take(Layer):
    """Places of one axis, in any order and any number of times.

    Backward, each place of the input gets the sum of what the places that show it get.

    Parameters
    ----------
    axis : int
        Axis of one input, without the batch axis.
    places : tuple of int
        Numbers of the places, from 0.
    name : str, optional
        Its part of the path.
    """

    prefix = "take"

    def __init__(self, axis: int, places: tuple[int, ...], *, name: str | None = None) -> None:
        super().__init__(name, axis=axis, places=tuple(places))
        self.axis, self.places = axis, np.array(places, np.intp)

    def _build(self, input_shape: Shape) -> Shape:
        size = input_shape[self.axis] if 0 <= self.axis < len(input_shape) else 0
        if not len(self.places) or self.places.min() < 0 or self.places.max() >= size:
            raise ShapeError(
                f"axis {self.axis} of an input of shape {input_shape} has {size} places, but "
                f"{self.places[:5].tolist()}... are to be taken."
            )
        return (*input_shape[: self.axis], len(self.places), *input_shape[self.axis + 1 :])

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Take._forward", "Take"),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return np.take(x, self.places, axis=self.axis + 1), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        grad_x = np.zeros(saved, grad_y.dtype)
        rows, grads = np.moveaxis(grad_x, self.axis + 1, 0), np.moveaxis(grad_y, self.axis + 1, 0)
        np.add.at(rows, self.places, grads)
        return grad_x
