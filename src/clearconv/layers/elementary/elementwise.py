"""Any function of one number as a layer."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementary.functions import FUNCTIONS


class Elementwise(Layer):
    """A function applied to every number: for models that were written elsewhere.

    In networks of your own, ``Activation`` and its kinds are faster, and a trace explains them.

    Parameters
    ----------
    function : str
        A name in ``clearconv.layers.elementary.functions.FUNCTIONS``, such as "exp".
    numbers : tuple of float
        Constants of the function: of "clip" the bounds, None for none.
    name : str, optional
        Its part of the path.
    """

    prefix = "function"

    def __init__(
        self, function: str, numbers: tuple[float | None, ...] = (), *, name: str | None = None
    ) -> None:
        known = FUNCTIONS.get(function)
        if known is None:
            raise ArgumentError(
                f"Elementwise: function={function!r} is not known; there are "
                f"{', '.join(FUNCTIONS)}."
            )
        if len(numbers) != known.numbers:
            raise ArgumentError(
                f"Elementwise: {function!r} takes {known.numbers} numbers, but was given "
                f"{numbers!r}."
            )
        super().__init__(name, function=function, numbers=tuple(numbers))
        self.function, self.numbers = known, tuple(numbers)

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Elementwise._forward", str(self.arguments["function"])),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            y = self.function.forward(x, *self.numbers).astype(x.dtype, copy=False)
        return y, (x, y)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        x, y = saved
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = self.function.derivative(x, y, *self.numbers)
            return np.asarray(grad_y * slope, grad_y.dtype)
