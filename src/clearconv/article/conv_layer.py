"""The articles' convolution layer: one image at a time, with its filters and their update."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.article._arrays import image, sensitivity
from clearconv.article.activators import Activator, activated, check, derivative
from clearconv.errors import ShapeError
from clearconv.layers.base.arguments import count
from clearconv.ops import conv2d
from clearconv.ops.geometry.window import Window
from clearconv.random import generator


class Filter:
    """The weights and the bias of one filter, and their gradients.

    Parameters
    ----------
    width, height, depth : int
        Size of the kernel, and the number of input channels.
    rng : numpy.random.Generator, optional
        Generator of the initial weights, uniform within ±1e-4; always the same ones if omitted.

    Attributes
    ----------
    weights, weights_grad : ndarray of float64, shape (depth, height, width)
    bias, bias_grad : float
    """

    def __init__(
        self, width: int, height: int, depth: int, rng: np.random.Generator | None = None
    ) -> None:
        rng = generator(0, "init", "Filter") if rng is None else rng
        self.weights: Array = rng.uniform(-1e-4, 1e-4, (depth, height, width))
        self.bias = 0.0
        self.weights_grad: Array = np.zeros(self.weights.shape)
        self.bias_grad = 0.0

    def get_weights(self) -> Array:
        """Return the weights."""
        return self.weights

    def get_bias(self) -> float:
        """Return the bias."""
        return self.bias

    def update(self, learning_rate: float) -> None:
        """Take one step of gradient descent: w = w - learning_rate * gradient."""
        self.weights = self.weights - learning_rate * self.weights_grad
        self.bias -= learning_rate * self.bias_grad

    def __repr__(self) -> str:
        """Return weights and bias in the article's layout, that of NumPy at the time."""
        with np.printoptions(legacy="1.13"):
            return f"filter weights:\n{self.weights!r}\nbias:\n{np.float64(self.bias)!r}"


class ConvLayer:
    """A convolution with its activator, its gradients and its update.

    The error term of a neuron is ∂E/∂net, before the activator; a sensitivity map is an array of
    error terms. `backward` takes those of this layer and returns those of the layer before.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Size of the input image.
    filter_width, filter_height, filter_number : int
        Size and number of the filters.
    zero_padding : int
        Rows and columns of zeros on each side.
    stride : int
        Step of the window.
    activator : Activator
        Activation, such as ``ReluActivator()``, or your own object.
    learning_rate : float
        Learning rate of `update`.
    seed : int
        Seed of the initial weights. Give each layer of a network its own seed, or layers of the
        same size start with the same weights.

    Attributes
    ----------
    filters : list of Filter
        Filters, which may be written to: ``layer.filters[0].weights = ...``.
    output_width, output_height : int
    input_array, output_array : ndarray of float64
        Input and output of the last `forward`.
    delta_array : ndarray of float64
        Result of the last `backward`: the error terms of the layer before.

    Raises
    ------
    ShapeError
        If the filters do not fit into the padded image.
    ArgumentError
        If a size, number or step is not an integer of at least 1, or the activator does not have
        the two methods.
    """

    def __init__(
        self,
        input_width: int,
        input_height: int,
        channel_number: int,
        filter_width: int,
        filter_height: int,
        filter_number: int,
        zero_padding: int,
        stride: int,
        activator: Activator,
        learning_rate: float,
        *,
        seed: int = 0,
    ) -> None:
        sizes = {
            "input_width": input_width,
            "input_height": input_height,
            "channel_number": channel_number,
            "filter_width": filter_width,
            "filter_height": filter_height,
            "filter_number": filter_number,
            "stride": stride,
        }
        for name, value in sizes.items():
            count("ConvLayer", name, value)
        size, kernel = (input_height, input_width), (filter_height, filter_width)
        window = Window.of("ConvLayer", size, kernel, stride, zero_padding)
        self.input_width = input_width
        self.input_height = input_height
        self.channel_number = channel_number
        self.filter_width = filter_width
        self.filter_height = filter_height
        self.filter_number = filter_number
        self.zero_padding = zero_padding
        self.stride = stride
        self.output_height, self.output_width = window.output
        self.filters = [
            Filter(
                filter_width,
                filter_height,
                channel_number,
                generator(seed, "init", f"ConvLayer.filters[{i}]"),
            )
            for i in range(filter_number)
        ]
        self.activator = check("ConvLayer", activator)
        self.learning_rate = learning_rate
        self.input_array: Array = np.zeros((channel_number, *size))
        self.output_array: Array = np.zeros((filter_number, *window.output))
        self.delta_array: Array = np.zeros((channel_number, *size))

    @staticmethod
    def calculate_output_size(
        input_size: int, filter_size: int, zero_padding: int, stride: int
    ) -> int:
        """Return floor((input_size - filter_size + 2 * zero_padding) / stride) + 1."""
        return (input_size - filter_size + 2 * zero_padding) // stride + 1

    def forward(self, input_array: npt.ArrayLike) -> Array:
        """Compute the feature maps.

        Parameters
        ----------
        input_array : array of shape (channel_number, input_height, input_width)
            Image; or (input_height, input_width) if there is one channel.

        Returns
        -------
        output_array : ndarray of float64, shape (filter_number, output_height, output_width)

        Raises
        ------
        ShapeError
            If the image has another size than the layer was made for.
        """
        self.input_array = self._image(input_array)
        bias = np.array([item.get_bias() for item in self.filters], dtype=np.float64)
        net = conv2d.forward(
            self.input_array, self._weights(), bias, self.stride, self.zero_padding
        )
        self.output_array = activated(self.activator, net)
        return self.output_array

    def backward(
        self,
        input_array: npt.ArrayLike,
        sensitivity_array: npt.ArrayLike,
        activator: Activator,
    ) -> Array:
        """Compute the gradients of the filters, and the error terms of the layer before.

        Parameters
        ----------
        input_array : array of the shape that `forward` takes
            Image: the output of the layer before.
        sensitivity_array : array of shape (filter_number, output_height, output_width)
            This layer's error terms ∂E/∂net.
        activator : Activator
            Activator of the layer *before*; ``IdentityActivator()`` if the input is the image.

        Returns
        -------
        delta_array : ndarray of float64 of the shape of `input_array`
            Error terms of the layer before.

        Raises
        ------
        ShapeError
            If an array has another shape than the layer was made for.
        """
        self.input_array = self._image(input_array)
        self.bp_gradient(sensitivity_array)
        return self.bp_sensitivity_map(sensitivity_array, activator)

    def bp_sensitivity_map(self, sensitivity_array: npt.ArrayLike, activator: Activator) -> Array:
        """Compute the error terms of the layer before: formulas 11 and 12.

        Parameters
        ----------
        sensitivity_array : array of shape (filter_number, output_height, output_width)
            This layer's error terms.
        activator : Activator
            Activator of the layer before.

        Returns
        -------
        delta_array : ndarray of float64 of the shape of the last input
        """
        x = self.input_array
        grad_x = conv2d.backward_input(
            self._sensitivity(sensitivity_array),
            self._weights(),
            x.shape,
            self.stride,
            self.zero_padding,
        )
        self.delta_array = grad_x * derivative(check("ConvLayer.backward", activator), x)
        return self.delta_array

    def bp_gradient(self, sensitivity_array: npt.ArrayLike) -> None:
        """Compute ``weights_grad`` and ``bias_grad`` of every filter: formulas 14 and 15.

        Parameters
        ----------
        sensitivity_array : array of shape (filter_number, output_height, output_width)
            This layer's error terms.
        """
        delta = self._sensitivity(sensitivity_array)
        shape = (self.filter_number, self.channel_number, self.filter_height, self.filter_width)
        grads = conv2d.backward_weight(
            delta, self.input_array, shape, self.stride, self.zero_padding
        )
        for item, weights_grad, bias_grad in zip(
            self.filters, grads, conv2d.backward_bias(delta), strict=True
        ):
            item.weights_grad, item.bias_grad = weights_grad, float(bias_grad)

    def update(self) -> None:
        """Take one step of gradient descent with every filter."""
        for item in self.filters:
            item.update(self.learning_rate)

    def _weights(self) -> Array:
        """Return all filters as one array (filter_number, channel_number, height, width)."""
        expected = (self.channel_number, self.filter_height, self.filter_width)
        for i, item in enumerate(self.filters):
            if np.shape(item.weights) != expected:
                raise ShapeError(
                    f"ConvLayer: filters[{i}].weights has shape {np.shape(item.weights)}, but "
                    f"{expected} is expected: (channel_number, filter_height, filter_width)."
                )
        return np.array([item.get_weights() for item in self.filters], dtype=np.float64)

    def _image(self, input_array: npt.ArrayLike) -> Array:
        shape = (self.channel_number, self.input_height, self.input_width)
        return image("ConvLayer", input_array, shape)

    def _sensitivity(self, sensitivity_array: npt.ArrayLike) -> Array:
        return sensitivity("ConvLayer", sensitivity_array, self.output_array.shape)
