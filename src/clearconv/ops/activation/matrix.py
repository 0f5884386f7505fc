"""Activations on whole arrays, in as few passes over memory as NumPy allows.

NumPy's elementwise functions keep the memory layout of what they are given.
"""

import numpy as np

from clearconv.ops._arrays import Array


def forward(x: Array, kind: str, slope: float) -> Array:
    """Apply f to the whole array."""
    if kind == "relu":
        return np.maximum(x, 0)  # keeps NaN
    if kind == "leaky_relu":
        bend = np.maximum if slope <= 1 else np.minimum  # whichever is x for x > 0
        return bend(x, x * slope)
    if kind == "tanh":
        return np.tanh(x)
    y = np.asarray(np.negative(x))  # sigmoid; an array even for no axes, to be written into
    with np.errstate(over="ignore"):  # exp(1e4) is inf, and 1 / (1 + inf) is the 0 that is meant
        np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)
    return y


def backward_input(grad_y: Array, saved: Array, kind: str, slope: float) -> Array:
    """`grad_y` times f', told from what was saved: x for leaky_relu, else y."""
    if kind == "relu":
        return grad_y * (saved > 0)
    if kind == "leaky_relu":
        if not 0 <= slope <= 1:
            return np.where(saved > 0, grad_y, grad_y * slope)
        factor = np.maximum(saved > 0, slope, dtype=saved.dtype)  # 1 or slope; np.where is slower
        return np.multiply(factor, grad_y, out=factor if factor.ndim else None)
    if kind == "sigmoid":
        factor = np.asarray(1 - saved)
        factor *= saved
    else:  # tanh
        factor = np.asarray(saved * saved)
        np.subtract(1, factor, out=factor)
    factor *= grad_y
    return factor
