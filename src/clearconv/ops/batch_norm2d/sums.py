"""Statistics and gradients from a batch's sums: shared by the tellings and conv_block."""

import numpy as np

from clearconv.arrays import Array


def statistics(moments: Array) -> tuple[Array, Array]:
    """Return mean and biased variance (C,) of the whole batch's moments (3, C)."""
    count, mean, deviation = moments
    # rounding can leave a constant channel a little below zero
    return mean, np.maximum(deviation, 0) / count


def slopes(sums: Array, mean: Array, var: Array, eps: float, centre: Array) -> tuple[Array, Array]:
    """Return the sums of dy x̂ and of dy, (C,) each, from those of `gradient_sums`, (2, C)."""
    total, product = sums
    return (product - (mean - centre) * total) / np.sqrt(var + eps), total
