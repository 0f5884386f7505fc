"""The article's gradient check, for its ConvLayer."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.article.activators import IdentityActivator, derivative
from clearconv.article.conv_layer import ConvLayer
from clearconv.gradient_checking import Backward, GradientCheck
from clearconv.gradient_checking import gradient_check as compare


def gradient_check(layer: ConvLayer, input_array: npt.ArrayLike) -> GradientCheck:
    """Compare every gradient of a ConvLayer with central differences.

    The article's error is the sum of all outputs, which gives every position the same error term
    and so hides position mistakes; here each output has a random factor.

    Parameters
    ----------
    layer : ConvLayer
        Layer, whose filters are restored afterwards; with a ReLU no net should be within 1e-6 of 0.
    input_array : array of the shape that ``layer.forward`` takes

    Returns
    -------
    GradientCheck
        ``ok``, the error for ``input_array``, ``weights`` and ``bias``, and a text with ``print``.

    Raises
    ------
    ShapeError
        If the image does not fit the layer.
    """

    def run(arrays: dict[str, Array]) -> tuple[Array, Backward]:
        for item, weights, bias in zip(
            layer.filters, arrays["weights"], arrays["bias"], strict=True
        ):
            item.weights, item.bias = weights, float(bias)
        output = layer.forward(arrays["input_array"])

        def backward(grad_y: Array) -> dict[str, Array]:
            delta = grad_y * derivative(layer.activator, output)
            layer.backward(arrays["input_array"], delta, IdentityActivator())
            return {
                "input_array": layer.delta_array,
                "weights": np.array([item.weights_grad for item in layer.filters]),
                "bias": np.array([item.bias_grad for item in layer.filters]),
            }

        return output, backward

    arrays = {
        "input_array": np.array(input_array, dtype=np.float64),
        "weights": np.array([item.weights for item in layer.filters], dtype=np.float64),
        "bias": np.array([item.bias for item in layer.filters], dtype=np.float64),
    }
    before = [(item.weights, item.bias) for item in layer.filters]
    try:
        return compare(run, arrays)
    finally:
        for item, (weights, bias) in zip(layer.filters, before, strict=True):
            item.weights, item.bias = weights, bias
