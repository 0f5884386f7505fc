"""Softmax row by row, class by class."""

from math import exp

import numpy as np

from clearconv.arrays import Array, zeros_like


def forward(x: Array, out: Array | None = None) -> Array:
    """Exponentiate every score, seen from the largest, and divide by the sum."""
    y = zeros_like(x, out)
    for place in np.ndindex(x.shape[:-1]):
        row = [float(score) for score in x[place]]
        powers = [exp(score - max(row)) for score in row]
        for k, power in enumerate(powers):
            y[(*place, k)] = power / sum(powers)
    return y


def backward_input(grad_y: Array, y: Array, out: Array | None = None) -> Array:
    """Sum the whole derivative matrix, y_j (δ_jk - y_k), over the outputs j."""
    K = y.shape[-1]
    grad_x = zeros_like(y, out)
    for place in np.ndindex(y.shape[:-1]):
        for j, k in np.ndindex(K, K):
            same = 1 if j == k else 0
            grad_x[(*place, k)] += grad_y[(*place, j)] * y[(*place, j)] * (same - y[(*place, k)])
    return grad_x
