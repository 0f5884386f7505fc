"""The articles' max pooling layer."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.article._arrays import image, sensitivity
from clearconv.article.activators import Activator, IdentityActivator, check, derivative
from clearconv.layers.base.arguments import count
from clearconv.ops import max_pool2d
from clearconv.ops.geometry.window import Window


class MaxPoolingLayer:
    """The largest value under each window, channel by channel.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Size of the input.
    filter_width, filter_height : int
        Size of the window.
    stride : int
        Step of the window.

    Attributes
    ----------
    output_width, output_height : int
    output_array : ndarray of float64
        Output of the last `forward`.
    delta_array : ndarray of float64
        Result of the last `backward`.

    Raises
    ------
    ShapeError
        If the window does not fit into the image.
    ArgumentError
        If a size, number or step is not an integer of at least 1.
    """

    def __init__(
        self,
        input_width: int,
        input_height: int,
        channel_number: int,
        filter_width: int,
        filter_height: int,
        stride: int,
    ) -> None:
        sizes = {
            "input_width": input_width,
            "input_height": input_height,
            "channel_number": channel_number,
            "filter_width": filter_width,
            "filter_height": filter_height,
            "stride": stride,
        }
        for name, value in sizes.items():
            count("MaxPoolingLayer", name, value)
        size, kernel = (input_height, input_width), (filter_height, filter_width)
        window = Window.of("MaxPoolingLayer", size, kernel, stride)
        self.input_width = input_width
        self.input_height = input_height
        self.channel_number = channel_number
        self.filter_width = filter_width
        self.filter_height = filter_height
        self.stride = stride
        self.output_height, self.output_width = window.output
        self.output_array: Array = np.zeros((channel_number, *window.output))
        self.delta_array: Array = np.zeros((channel_number, *size))

    def forward(self, input_array: npt.ArrayLike) -> Array:
        """Take the maxima: formula 3.

        Parameters
        ----------
        input_array : array of shape (channel_number, input_height, input_width)
            Input; or (input_height, input_width) if there is one channel.

        Returns
        -------
        output_array : ndarray of float64, shape (channel_number, output_height, output_width)

        Raises
        ------
        ShapeError
            If the image has another size than the layer was made for.
        """
        kernel = (self.filter_height, self.filter_width)
        y = max_pool2d.forward(self._image(input_array), kernel, self.stride)
        self.output_array = y.reshape(self.output_array.shape)
        return self.output_array

    def backward(
        self,
        input_array: npt.ArrayLike,
        sensitivity_array: npt.ArrayLike,
        activator: Activator | None = None,
    ) -> Array:
        """Pass each error term to the pixel that won; where windows overlap, they add up.

        Parameters
        ----------
        input_array : array of the shape that `forward` takes
            Output of the layer before.
        sensitivity_array : array of shape (channel_number, output_height, output_width)
            Error terms of this layer. Pooling has no activator: ∂E/∂net and ∂E/∂out are the same.
        activator : Activator, optional
            Activator of the layer before. With it the result is that layer's error term ∂E/∂net,
            which ``ConvLayer.backward`` needs; without it, as in the article, only ∂E/∂out.

        Returns
        -------
        delta_array : ndarray of float64 of the shape of `input_array`

        Raises
        ------
        ShapeError
            If an array has another shape than the layer was made for.
        """
        x = self._image(input_array)
        delta = sensitivity("MaxPoolingLayer", sensitivity_array, self.output_array.shape)
        kernel = (self.filter_height, self.filter_width)
        y, saved = max_pool2d.forward_saving(x, kernel, self.stride)
        before = check("MaxPoolingLayer.backward", activator or IdentityActivator())
        grad_x = max_pool2d.backward_input(delta.reshape(y.shape), saved)
        self.delta_array = grad_x * derivative(before, x)
        return self.delta_array

    def _image(self, input_array: npt.ArrayLike) -> Array:
        shape = (self.channel_number, self.input_height, self.input_width)
        return image("MaxPoolingLayer", input_array, shape)
