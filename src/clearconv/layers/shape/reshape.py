"""The numbers of each input in another shape, and its axes in another order."""

from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.arguments import count
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops.geometry.layout import to_maps


class Reshape(Layer):
    """The numbers of each input in another shape, in the order of its axes.

    Parameters
    ----------
    shape : tuple of int
        New shape of one input, without the batch axis.
    name : str, optional
        Its part of the path.
    """

    prefix = "reshape"

    def __init__(self, shape: Shape, *, name: str | None = None) -> None:
        if not isinstance(shape, (tuple, list)):
            raise ArgumentError(
                f"Reshape: shape={shape!r}, but a tuple of sizes is needed, such as (8, 4, 4)."
            )
        sizes = tuple(count("Reshape", "each size of shape", size) for size in shape)
        super().__init__(name, shape=sizes)
        self.shape = sizes

    def _build(self, input_shape: Shape) -> Shape:
        if prod(input_shape) != prod(self.shape):
            raise ShapeError(
                f"shape={self.shape} has {prod(self.shape):,} numbers, but the input of one image "
                f"has the shape {input_shape}, {prod(input_shape):,} numbers."
            )
        return self.shape

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Reshape._forward", "Reshape"),)  # no chapter: it only reorders numbers

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        if x.shape[1:] != self.input_shape:
            raise ShapeError(
                f"the input has shape {x.shape}, but the layer was built for {self.input_shape} "
                "after the batch axis. Did the image size change?"
            )
        return _reshaped(x, (len(x), *self.shape)), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return _reshaped(grad_y, saved)


class Permute(Layer):
    """The axes of each input in another order.

    Parameters
    ----------
    axes : tuple of int
        For each axis of the result, the axis of the input, both counted with the batch, which stays
        in front: (2, 3, 1) makes (H, W, C) of (C, H, W).
    name : str, optional
        Its part of the path.
    """

    prefix = "permute"

    def __init__(self, axes: tuple[int, ...], *, name: str | None = None) -> None:
        if not isinstance(axes, (tuple, list)) or sorted(axes) != list(range(1, len(axes) + 1)):
            raise ArgumentError(
                f"Permute: axes={axes!r}, but each axis is needed once, counted from 1: (2, 3, 1)."
            )
        super().__init__(name, axes=tuple(axes))
        self.axes = tuple(axes)

    def _build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.axes):
            raise ShapeError(
                f"axes={self.axes} do not fit an input of shape {input_shape} for one image."
            )
        return tuple(input_shape[axis - 1] for axis in self.axes)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Permute._forward", "Permute"),)  # no chapter: it only reorders numbers

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return _laid_out(x.transpose(0, *self.axes)), None

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return _laid_out(grad_y.transpose(np.argsort((0, *self.axes)).tolist()))


def _reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    """Return (N, ...) in another shape."""
    rows = np.ascontiguousarray(x).reshape(len(x), prod(x.shape[1:]))  # (N, numbers of one)
    return to_maps(rows, shape) if len(shape) == 4 else rows.reshape(shape)


def _laid_out(x: Array) -> Array:
    """Return an array as the kernels hold it: maps channels-last, anything else in order."""
    if x.ndim != 4:
        return np.ascontiguousarray(x)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
