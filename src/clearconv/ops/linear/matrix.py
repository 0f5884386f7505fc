"""The fully connected layer as matrix products: samples are rows, neurons are columns."""

from clearconv.arrays import Array, put
from clearconv.ops.reduction import by_shards


def forward(x: Array, weight: Array, bias: Array | None, out: Array | None = None) -> Array:
    """Samples (rows) times weights (columns)."""
    y = put(x @ weight.T, out)  # (N, I) @ (I, O) = (N, O)
    if bias is not None:
        y += bias
    return y


def backward_input(grad_y: Array, weight: Array, out: Array | None = None) -> Array:
    """`grad_y` times the weights, not transposed this time."""
    return put(grad_y @ weight, out)  # (N, O) @ (O, I) = (N, I)


@by_shards(2)
def backward_weight(grad_y: Array, x: Array) -> Array:
    """Transposed `grad_y` times the samples: the product sums over the batch."""
    return grad_y.T @ x  # (O, N) @ (N, I) = (O, I)


@by_shards(1)
def backward_bias(grad_y: Array) -> Array:
    """Sum over the batch."""
    return grad_y.sum(axis=0)  # (O,)
