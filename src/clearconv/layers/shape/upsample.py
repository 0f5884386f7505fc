"""The up-sampling layer: no parameters, channels kept, the image made larger."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.tape import Context
from clearconv.ops import upsample2d
from clearconv.ops.upsample2d.grid import Grid, Scale, Size, check


class Upsample(Layer):
    """Every map made larger, or smaller, by a scale or to a size.

    Parameters
    ----------
    size : int or (int, int), optional
        Rows and columns of the result.
    scale_factor : float or (float, float), optional
        Instead of `size`: factor by which the input's size is multiplied, rounded down.
    mode : {"nearest", "bilinear"}
        Whether a pixel of the result is a copy of one of the input, or a mixture of up to four.
    align_corners : bool
        For "bilinear": whether the corners keep their values.
    name : str, optional
        Its part of the path.
    """

    prefix = "upsample"
    operation = upsample2d

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        check("Upsample", size, scale_factor, mode, align_corners)
        super().__init__(
            name, size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners
        )

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 3)
        return (input_shape[0], *Grid.of(self.label, input_shape[1:], **self.arguments).output)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        return upsample2d.forward(x, **self.arguments), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return upsample2d.backward_input(grad_y, saved, **self.arguments)
