"""Cross-entropy sample by sample: softmax, logarithm, target."""

from math import exp, log

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, share: Array) -> tuple[Array, Array]:
    """-Σ q log p, with log p = score - largest - log Σ exp(score - largest)."""
    N, K = x.shape
    losses = np.zeros(N, dtype=x.dtype)
    y = np.empty_like(x)
    for n in range(N):
        largest = max(float(score) for score in x[n])
        total = sum(exp(float(score) - largest) for score in x[n])
        for k in range(K):
            log_p = float(x[n, k]) - largest - log(total)
            y[n, k] = exp(log_p)
            losses[n] -= float(share[n, k]) * log_p
    return losses, y


def backward_input(y: Array, share: Array, factors: Array, out: Array | None = None) -> Array:
    """Probability times the whole target, minus the target of this class."""
    grad_x = np.empty_like(y) if out is None else out
    for n, k in np.ndindex(y.shape):
        grad_x[n, k] = factors[n] * (y[n, k] * share[n].sum() - share[n, k])
    return grad_x
