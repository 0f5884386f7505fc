"""Resizing by any rule that is linear in the pixels: a matrix along each axis."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementary.kernels import COORDINATES, KERNELS, Rule, weights


class Resample(Layer):
    """Resize along any axes, with the coordinates and filters that ONNX's Resize knows.

    Every output is a weighted mean of inputs, so an axis is one product with a matrix R of (new,
    old) weights, and backward is the product with its transpose. ``Upsample`` is the layer for
    networks of your own.

    Parameters
    ----------
    axes : tuple of int
        Axes of one input, without the batch axis.
    sizes : tuple of int
        New size of each of them.
    scales : tuple of float, optional
        Factor of each; by default the quotient of the sizes.
    filter : {"nearest", "linear", "cubic"}
        How many neighbours are weighted, and how.
    coordinates : str
        How a place of the result becomes one of the input, as ONNX names it: "half_pixel",
        "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric",
        "tf_half_pixel_for_nn" or "tf_crop_and_resize".
    nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}
        How "nearest" rounds.
    cubic : float
        Coefficient a of "cubic".
    exclude_outside : bool
        Whether neighbours beyond the edge get no weight; else the edge is repeated.
    antialias : bool
        Whether the filter is widened when the image shrinks.
    regions : tuple of (float, float), optional
        For "tf_crop_and_resize": first and last place of the crop along each axis, 0 to 1.
    outside : float
        For "tf_crop_and_resize": value of places outside the image.
    name : str, optional
        Its part of the path.
    """

    prefix = "resample"

    def __init__(
        self,
        axes: tuple[int, ...],
        sizes: tuple[int, ...],
        scales: tuple[float, ...] | None = None,
        *,
        filter: str = "linear",
        coordinates: str = "half_pixel",
        nearest: str = "round_prefer_floor",
        cubic: float = -0.75,
        exclude_outside: bool = False,
        antialias: bool = False,
        regions: tuple[tuple[float, float], ...] | None = None,
        outside: float = 0.0,
        name: str | None = None,
    ) -> None:
        if filter not in KERNELS or coordinates not in COORDINATES:
            raise ArgumentError(
                f"Resample: filter={filter!r}, coordinates={coordinates!r}, but there are "
                f"{', '.join(KERNELS)}, and {', '.join(COORDINATES)}."
            )
        super().__init__(
            name,
            axes=tuple(axes),
            sizes=tuple(sizes),
            scales=None if scales is None else tuple(scales),
            filter=filter,
            coordinates=coordinates,
            nearest=nearest,
            cubic=cubic,
            exclude_outside=exclude_outside,
            antialias=antialias,
            regions=None if regions is None else tuple(map(tuple, regions)),
            outside=outside,
        )

    def _build(self, input_shape: Shape) -> Shape:
        given: dict[str, Any] = self.arguments
        axes, sizes, scales = given["axes"], given["sizes"], given["scales"]
        regions = given["regions"] or ((0.0, 1.0),) * len(axes)
        if any(not 0 <= axis < len(input_shape) for axis in axes) or min(sizes, default=1) < 1:
            raise ShapeError(f"axes={axes}, sizes={sizes} do not fit the input {input_shape}.")
        rule = Rule(*(given[name] for name in Rule._fields))
        shape = list(input_shape)
        self._matrices: list[tuple[int, Array]] = []
        beyond = []  # of each axis, the places of the result that lie outside the image
        for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
            old, shape[axis] = shape[axis], size
            scale = size / old if scales is None else scales[place]
            matrix, outside = weights(old, size, scale, regions[place], rule)
            self._matrices.append((axis + 1, matrix))
            if outside.any():
                beyond.append((axis + 1, np.flatnonzero(outside)))
        self._beyond = beyond
        return tuple(shape)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("Resample._forward", f"{self.arguments['filter']} resizing"),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        for axis, matrix in self._matrices:
            x = _along(matrix.astype(x.dtype), x, axis)
        for axis, places in self._beyond:
            x[(slice(None),) * axis + (places,)] = self.arguments["outside"]
        return x, None

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        if self._beyond:
            grad_y = grad_y.copy()
        for axis, places in self._beyond:
            grad_y[(slice(None),) * axis + (places,)] = 0
        for axis, matrix in reversed(self._matrices):
            grad_y = _along(matrix.T.astype(grad_y.dtype), grad_y, axis)
        return grad_y


def _along(matrix: Array, x: Array, axis: int) -> Array:
    """Multiply every line along an axis by a matrix of (new, old) weights."""
    return np.moveaxis(np.tensordot(x, matrix, axes=(axis, 1)), -1, axis)
