"""Mean, sum, largest and smallest along any axes of each input."""

from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context

_KINDS = ("mean", "sum", "max", "min")


class Reduce(Layer):
    """One number for all along some axes: for models that were written elsewhere.

    Backward, each number gets dL/dy ("sum"), its share of it ("mean"), or the first of the largest
    or smallest gets all.

    Parameters
    ----------
    kind : {"mean", "sum", "max", "min"}
        What is computed.
    axes : tuple of int
        Axes of one input, without the batch axis: 0 is that of the channels.
    keepdims : bool
        Whether the axes stay, with size 1.
    name : str, optional
        Its part of the path.
    """

    prefix = "reduce"

    def __init__(
        self, kind: str, axes: tuple[int, ...], keepdims: bool = True, *, name: str | None = None
    ) -> None:
        if kind not in _KINDS:
            raise ArgumentError(
                f"Reduce: kind={kind!r}, but it must be one of {', '.join(_KINDS)}."
            )
        super().__init__(name, kind=kind, axes=tuple(axes), keepdims=keepdims)
        self.kind, self.axes, self.keepdims = kind, tuple(axes), keepdims

    def _build(self, input_shape: Shape) -> Shape:
        ndim = len(input_shape)
        if any(not 0 <= axis < ndim for axis in self.axes) or len(set(self.axes)) < len(self.axes):
            raise ShapeError(
                f"axes={self.axes}, but one input has the shape {input_shape}: axes 0 to "
                f"{ndim - 1}, each once."
            )
        self._count = prod(input_shape[axis] for axis in self.axes)
        if self.keepdims:
            return tuple(1 if a in self.axes else size for a, size in enumerate(input_shape))
        return tuple(size for a, size in enumerate(input_shape) if a not in self.axes)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Reduce._forward", self.kind),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        along = tuple(axis + 1 for axis in self.axes)
        function: Any = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}[self.kind]
        y = function(x, axis=along, keepdims=True).astype(x.dtype, copy=False)
        kept = y if self.keepdims else y.reshape(len(x), *self.output_shape)
        return kept, (x, y)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        x, y = saved
        grad = grad_y.reshape(y.shape)  # (N, ..., 1, ...)
        if self.kind in ("sum", "mean"):
            grad = grad / grad.dtype.type(self._count) if self.kind == "mean" else grad
            return np.broadcast_to(grad, x.shape).copy()
        last = tuple(range(x.ndim - len(self.axes), x.ndim))
        along = tuple(axis + 1 for axis in self.axes)
        moved = np.moveaxis(x, along, last)
        rows = moved.reshape(-1, self._count)
        won = rows.argmax(axis=1) if self.kind == "max" else rows.argmin(axis=1)
        grads = np.zeros(rows.shape, x.dtype)
        grads[np.arange(len(rows)), won] = np.moveaxis(grad, along, last).reshape(-1)
        return np.moveaxis(grads.reshape(moved.shape), last, along)
