"""A learner's classes in the article's interface, mended for Python 3, with its defects kept.

Known: the input gradient pads rows as far as the width asks for, and pooling's backward assigns
where overlapping windows must add.
"""

import numpy as np


class ReluActivator:
    def forward(self, weighted_input):
        return max(0, weighted_input)

    def backward(self, output):
        return 1 if output > 0 else 0


class SigmoidActivator:
    def forward(self, weighted_input):
        return 1.0 / (1.0 + np.exp(-weighted_input))

    def backward(self, output):
        return output * (1 - output)


def patch_at(array, i, j, filter_width, filter_height, stride):
    top, left = i * stride, j * stride
    if array.ndim == 2:
        return array[top : top + filter_height, left : left + filter_width]
    return array[:, top : top + filter_height, left : left + filter_width]


def slide(array, kernel, output, stride, bias):
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            patch = patch_at(array, i, j, kernel.shape[-1], kernel.shape[-2], stride)
            output[i][j] = (patch * kernel).sum() + bias


def surround(array, zp):
    if zp == 0:
        return array
    wider = np.zeros((*array.shape[:-2], array.shape[-2] + 2 * zp, array.shape[-1] + 2 * zp))
    wider[..., zp : zp + array.shape[-2], zp : zp + array.shape[-1]] = array
    return wider


def each_number(array, op):
    with np.nditer(array, op_flags=["readwrite"]) as places:
        for place in places:
            place[...] = op(place)


class Filter:
    def __init__(self, width, height, depth):
        self.weights = np.random.default_rng().uniform(-1e-4, 1e-4, (depth, height, width))
        self.bias = 0
        self.weights_grad = np.zeros(self.weights.shape)
        self.bias_grad = 0

    def get_weights(self):
        return self.weights

    def get_bias(self):
        return self.bias

    def update(self, learning_rate):
        self.weights -= learning_rate * self.weights_grad
        self.bias -= learning_rate * self.bias_grad


class ConvLayer:
    def __init__(
        self,
        input_width,
        input_height,
        channel_number,
        filter_width,
        filter_height,
        filter_number,
        zero_padding,
        stride,
        activator,
        learning_rate,
    ):
        self.input_width = input_width
        self.input_height = input_height
        self.channel_number = channel_number
        self.filter_width = filter_width
        self.filter_height = filter_height
        self.filter_number = filter_number
        self.zero_padding = zero_padding
        self.stride = stride
        self.output_width = self.size(input_width, filter_width)
        self.output_height = self.size(input_height, filter_height)
        self.output_array = np.zeros((filter_number, self.output_height, self.output_width))
        self.filters = [
            Filter(filter_width, filter_height, channel_number) for _ in range(filter_number)
        ]
        self.activator = activator
        self.learning_rate = learning_rate

    def size(self, input_size, filter_size):
        return (input_size - filter_size + 2 * self.zero_padding) // self.stride + 1

    def forward(self, input_array):
        self.input_array = input_array
        self.padded = surround(input_array, self.zero_padding)
        for f in range(self.filter_number):
            item = self.filters[f]
            slide(
                self.padded, item.get_weights(), self.output_array[f], self.stride, item.get_bias()
            )
        each_number(self.output_array, self.activator.forward)
        return self.output_array

    def backward(self, input_array, sensitivity_array, activator):
        self.forward(input_array)
        self.bp_sensitivity_map(sensitivity_array, activator)
        self.bp_gradient(sensitivity_array)

    def bp_sensitivity_map(self, sensitivity_array, activator):
        expanded = self.expand(sensitivity_array)
        zp = (self.input_width + self.filter_width - 1 - expanded.shape[2]) // 2
        padded = surround(expanded, zp)
        self.delta_array = self.zero_deltas()
        for f in range(self.filter_number):
            turned = np.array([np.rot90(part, 2) for part in self.filters[f].get_weights()])
            deltas = self.zero_deltas()
            for d in range(deltas.shape[0]):
                slide(padded[f], turned[d], deltas[d], 1, 0)
            self.delta_array += deltas
        slopes = np.array(self.input_array)
        each_number(slopes, activator.backward)
        self.delta_array *= slopes

    def bp_gradient(self, sensitivity_array):
        expanded = self.expand(sensitivity_array)
        for f in range(self.filter_number):
            item = self.filters[f]
            for d in range(item.weights.shape[0]):
                slide(self.padded[d], expanded[f], item.weights_grad[d], 1, 0)
            item.bias_grad = expanded[f].sum()

    def expand(self, sensitivity_array):
        height = self.input_height - self.filter_height + 2 * self.zero_padding + 1
        width = self.input_width - self.filter_width + 2 * self.zero_padding + 1
        spread = np.zeros((sensitivity_array.shape[0], height, width))
        for i in range(self.output_height):
            for j in range(self.output_width):
                spread[:, i * self.stride, j * self.stride] = sensitivity_array[:, i, j]
        return spread

    def zero_deltas(self):
        return np.zeros((self.channel_number, self.input_height, self.input_width))

    def update(self):
        for item in self.filters:
            item.update(self.learning_rate)


class MaxPoolingLayer:
    def __init__(
        self, input_width, input_height, channel_number, filter_width, filter_height, stride
    ):
        self.channel_number = channel_number
        self.filter_width = filter_width
        self.filter_height = filter_height
        self.stride = stride
        self.output_width = (input_width - filter_width) // stride + 1
        self.output_height = (input_height - filter_height) // stride + 1
        self.output_array = np.zeros((channel_number, self.output_height, self.output_width))

    def forward(self, input_array):
        for d in range(self.channel_number):
            for i in range(self.output_height):
                for j in range(self.output_width):
                    self.output_array[d, i, j] = self.window(input_array[d], i, j).max()

    def backward(self, input_array, sensitivity_array):
        self.delta_array = np.zeros(input_array.shape)
        for d in range(self.channel_number):
            for i in range(self.output_height):
                for j in range(self.output_width):
                    window = self.window(input_array[d], i, j)
                    k, l = np.unravel_index(window.argmax(), window.shape)
                    self.delta_array[d, i * self.stride + k, j * self.stride + l] = (
                        sensitivity_array[d, i, j]
                    )

    def window(self, array, i, j):
        return patch_at(array, i, j, self.filter_width, self.filter_height, self.stride)
