"""Flattens maps into a row of features."""

from math import prod
from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.arguments import by_position
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops.geometry.layout import to_maps, to_rows


class Flatten(Layer):
    """(N, C, H, W) to (N, C*H*W), in (C, H, W) order, whatever the order in memory.

    The order is what the articles and PyTorch use, so their weights fit the ``Linear`` after it.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "flatten"

    def __init__(self, *positional: Any, name: str | None = None) -> None:
        if positional:
            why = "It always joins all axes but the batch's (PyTorch's start_dim=1)."
            by_position("Flatten", positional, why)
        super().__init__(name)

    def _build(self, input_shape: Shape) -> Shape:
        return (prod(input_shape),)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Flatten._forward", "Flatten"),)  # no chapter: it only reorders numbers

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        if x.shape[1:] != self.input_shape:  # with H and W exchanged there are as many features
            exchanged = sorted(x.shape[1:]) == sorted(self.input_shape)
            remedy = "Are the axes exchanged?" if exchanged else "Did the image size change?"
            raise ShapeError(
                f"the input has shape {x.shape}, but the layer was built for {self.input_shape} "
                f"after the batch axis. {remedy}"
            )
        return to_rows(x) if x.ndim == 4 else x.reshape(len(x), prod(x.shape[1:])), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        # the layers before this one work on channels-last memory
        return to_maps(grad_y, saved) if len(saved) == 4 else grad_y.reshape(saved)
