"""Pooling layers: no parameters, channels kept, the image made smaller."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.layers.base.arguments import by_position, check_window
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d
from clearconv.ops.adaptive_avg_pool2d.size import Size, pair_of
from clearconv.ops.geometry.window import IntOrPair, Padding, Window


class MaxPool2d(Layer):
    """The largest value in each window; backward passes the gradient to the element that won.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Step of the window; by default the window's size, so that windows do not overlap.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Rows and columns around the image; padding never wins.
    dilation : int or (int, int)
        Distance between neighbouring window elements.
    ceil_mode : bool
        Whether to keep a last, incomplete window.
    name : str, optional
        Its part of the path.
    """

    prefix = "pool"
    operation = max_pool2d

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        *,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        stride = kernel_size if stride is None else stride
        check_window("MaxPool2d", kernel_size, stride, padding, dilation)
        super().__init__(
            name,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
        )

    def _build(self, input_shape: Shape) -> Shape:
        return _pooled(self, input_shape)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (self._call("forward_saving" if training else "forward"),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        if context.recording:
            return max_pool2d.forward_saving(x, **self.arguments)
        return max_pool2d.forward(x, **self.arguments), None

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return max_pool2d.backward_input(grad_y, saved)


class AvgPool2d(Layer):
    """The mean of each window.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Step of the window; by default the window's size.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image.
    dilation : int or (int, int)
        Distance between neighbouring window elements.
    ceil_mode : bool
        Whether to keep a last, incomplete window.
    count_include_pad : bool
        Whether padding counts as zeros in the mean.
    name : str, optional
        Its part of the path.
    """

    prefix = "pool"
    operation = avg_pool2d

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> None:
        stride = kernel_size if stride is None else stride
        check_window("AvgPool2d", kernel_size, stride, padding, dilation)
        super().__init__(
            name,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )

    def _build(self, input_shape: Shape) -> Shape:
        return _pooled(self, input_shape)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        return avg_pool2d.forward(x, **self.arguments), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return avg_pool2d.backward_input(grad_y, saved, **self.arguments)


class GlobalAvgPool2d(Layer):
    """The mean of each whole map: (N, C, H, W) to (N, C, 1, 1).

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "pool"
    operation = global_avg_pool2d

    def __init__(self, *positional: Any, name: str | None = None) -> None:
        if positional:
            by_position("GlobalAvgPool2d", positional, "It always leaves one number per channel.")
        super().__init__(name)

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 3)
        return (input_shape[0], 1, 1)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        return global_avg_pool2d.forward(x), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return global_avg_pool2d.backward_input(grad_y, saved)


class AdaptiveAvgPool2d(Layer):
    """The mean of each cell of a map that is divided into a given number of cells.

    Parameters
    ----------
    output_size : int or (int, int)
        Rows and columns of the result, whatever the input's; None keeps the input's.
    name : str, optional
        Its part of the path.
    """

    prefix = "pool"
    operation = adaptive_avg_pool2d

    def __init__(self, output_size: Size, *, name: str | None = None) -> None:
        pair_of("AdaptiveAvgPool2d", output_size, (1, 1))
        super().__init__(name, output_size=output_size)

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 3)
        output = pair_of(self.label, self.arguments["output_size"], input_shape[1:])
        return (input_shape[0], *output)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        return adaptive_avg_pool2d.forward(x, **self.arguments), x.shape

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return adaptive_avg_pool2d.backward_input(grad_y, saved, **self.arguments)


def _pooled(layer: Layer, input_shape: Shape) -> Shape:
    """Check the input of one image and return the shape after pooling."""
    layer._needs(input_shape, 3)
    (C, H, W), arguments = input_shape, layer.arguments
    window = Window.of(
        layer.label,
        (H, W),
        arguments["kernel_size"],
        arguments["stride"],
        arguments["padding"],
        arguments["dilation"],
        arguments["ceil_mode"],
    )
    return (C, *window.output)
