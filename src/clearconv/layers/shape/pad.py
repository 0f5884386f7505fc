"""A frame of one number around each input."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.arguments import is_number
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context


class Pad(Layer):
    """A frame of one number around each input; a convolution's own padding is faster.

    Parameters
    ----------
    padding : tuple of (int, int)
        How many are put before and after each axis, without the batch axis.
    value : float
        The number.
    name : str, optional
        Its part of the path.
    """

    prefix = "pad"

    def __init__(
        self, padding: tuple[tuple[int, int], ...], value: float = 0.0, *, name: str | None = None
    ) -> None:
        try:
            sides = tuple((int(before), int(after)) for before, after in padding)
        except (TypeError, ValueError):
            sides = ((-1, -1),)
        if min((number for side in sides for number in side), default=0) < 0:
            raise ArgumentError(
                f"Pad: padding={padding!r}, but two numbers of at least 0 are needed for each axis "
                "of one input, such as ((0, 0), (1, 1), (1, 1))."
            )
        if not is_number(value):
            raise ArgumentError(f"Pad: value={value!r}, but a number is needed.")
        super().__init__(name, padding=sides, value=float(value))
        self.padding, self.filling = sides, float(value)

    def _build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.padding):
            raise ShapeError(
                f"the input of one image has shape {input_shape}, but padding={self.padding} is "
                f"for {len(self.padding)} axes."
            )
        return tuple(a + size + b for size, (a, b) in zip(input_shape, self.padding, strict=True))

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Pad._forward", "Pad"),)  # no chapter: it only moves numbers

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        around = ((0, 0), *self.padding)
        if x.ndim != 4:
            return np.pad(x, around, constant_values=self.filling), x.shape
        last = x.transpose(0, 2, 3, 1)  # (N, H, W, C), as the kernels hold maps
        order = (0, 2, 3, 1)
        y = np.pad(last, [around[axis] for axis in order], constant_values=self.filling)
        return y.transpose(0, 3, 1, 2), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        inside = (slice(a, a + size) for (a, _), size in zip(self.padding, saved[1:], strict=True))
        return grad_y[(slice(None), *inside)]
