"""The layer that squares."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.tape import Context
from clearconv.ops import toy


class Toy(Layer):
    """Every number squared.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "toy"
    operation = toy

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return toy.forward(x), x

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return toy.backward_input(grad_y, saved)
