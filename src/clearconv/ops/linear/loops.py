"""The fully connected layer as the article tells it: one neuron of one sample at a time."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, weight: Array, bias: Array | None) -> Array:
    """Every neuron weighs all inputs and sums."""
    N, O = len(x), len(weight)
    y = np.zeros((N, O), dtype=x.dtype)
    for n, o in np.ndindex(N, O):
        y[n, o] = np.dot(weight[o], x[n])
        if bias is not None:
            y[n, o] += bias[o]
    return y


def backward_input(grad_y: Array, weight: Array) -> Array:
    """Every neuron hands its gradient back along its weights."""
    N, O = grad_y.shape
    grad_x = np.zeros((N, weight.shape[1]), dtype=grad_y.dtype)
    for n, o in np.ndindex(N, O):
        grad_x[n] += weight[o] * grad_y[n, o]
    return grad_x


def backward_weight(grad_y: Array, x: Array) -> Array:
    """Every neuron hands its gradient, times the input, to the weight that used it."""
    N, O = grad_y.shape
    grad_weight = np.zeros((O, x.shape[1]), dtype=x.dtype)
    for n, o in np.ndindex(N, O):
        grad_weight[o] += x[n] * grad_y[n, o]
    return grad_weight


def backward_bias(grad_y: Array) -> Array:
    """The bias took part once in every sample."""
    N, O = grad_y.shape
    grad_bias = np.zeros(O, dtype=grad_y.dtype)
    for n, o in np.ndindex(N, O):
        grad_bias[o] += grad_y[n, o]
    return grad_bias
