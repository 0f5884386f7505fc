"""The fully connected layer as the article tells it: one neuron of one sample at a time."""

import numpy as np

from clearconv.arrays import Array, zeros
from clearconv.ops.reduction import by_shards


def forward(x: Array, weight: Array, bias: Array | None, out: Array | None = None) -> Array:
    """Every neuron weighs all inputs and sums."""
    N, O = len(x), len(weight)
    y = zeros((N, O), x.dtype, out)
    for n, o in np.ndindex(N, O):
        y[n, o] = np.dot(weight[o], x[n])
        if bias is not None:
            y[n, o] += bias[o]
    return y


def backward_input(grad_y: Array, weight: Array, out: Array | None = None) -> Array:
    """Every neuron passes its gradient back along its weights."""
    N, O = grad_y.shape
    grad_x = zeros((N, weight.shape[1]), grad_y.dtype, out)
    for n, o in np.ndindex(N, O):
        grad_x[n] += weight[o] * grad_y[n, o]
    return grad_x


@by_shards(2)
def backward_weight(grad_y: Array, x: Array) -> Array:
    """Every neuron passes its gradient, times the input, to the weight that used it."""
    N, O = grad_y.shape
    grad_weight = np.zeros((O, x.shape[1]), dtype=x.dtype)
    for n, o in np.ndindex(N, O):
        grad_weight[o] += x[n] * grad_y[n, o]
    return grad_weight


@by_shards(1)
def backward_bias(grad_y: Array) -> Array:
    """The bias took part once in every sample."""
    N, O = grad_y.shape
    grad_bias = np.zeros(O, dtype=grad_y.dtype)
    for n, o in np.ndindex(N, O):
        grad_bias[o] += grad_y[n, o]
    return grad_bias
