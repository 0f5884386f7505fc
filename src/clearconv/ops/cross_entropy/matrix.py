"""Cross-entropy of all samples at once."""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, share: Array) -> tuple[Array, Array]:
    """-Σ q log p; the logarithm of softmax is taken before anything can round to 0."""
    log_p = x - x.max(axis=1, keepdims=True)  # (N, K)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -np.einsum("nk,nk->n", share, log_p), np.exp(log_p)


def backward_input(y: Array, share: Array, factors: Array, out: Array | None = None) -> Array:
    """Probability times the whole target, minus the target of this class."""
    grad_x = np.multiply(y, share.sum(axis=1, keepdims=True), out=out)  # (N, K)
    grad_x -= share
    grad_x *= factors[:, np.newaxis]
    return grad_x
