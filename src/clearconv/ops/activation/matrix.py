"""Activations on whole arrays, in as few passes over memory as NumPy allows.

NumPy's elementwise functions keep the memory layout of what they are given.
"""

import numpy as np

from clearconv.arrays import Array


def forward(x: Array, kind: str, slope: float) -> Array:
    """Apply f to the whole array."""
    if kind == "relu":
        return np.maximum(x, 0)  # keeps NaN
    if kind == "relu6":
        return np.clip(x, 0, 6)  # keeps NaN
    if kind == "leaky_relu":
        if slope == 0:  # x * 0 would be NaN where x is infinite
            return np.where(x > 0, x, x * slope)
        bend = np.maximum if slope <= 1 else np.minimum  # whichever is x for x > 0
        return bend(x, x * slope)
    if kind == "tanh":
        return np.tanh(x)
    if kind in ("hardsigmoid", "hardswish"):
        y = np.asarray(x + 3)  # an array even for no axes, to be written into
        np.clip(y, 0, 6, out=y)
        y /= 6
        return y if kind == "hardsigmoid" else np.multiply(x, y, out=y)
    y = _one_plus_exp_minus(x)
    return np.divide(1 if kind == "sigmoid" else x, y, out=y)  # sigmoid, else silu


def backward_input(grad_y: Array, saved: Array, kind: str, slope: float) -> Array:
    """`grad_y` times f', told from what was saved, x or y."""
    if kind == "relu":
        return _where(saved > 0, grad_y)
    if kind == "relu6":
        return _where((saved > 0) & (saved < 6), grad_y)
    if kind == "leaky_relu":
        if not 0 < slope <= 1:
            return np.where(saved > 0, grad_y, grad_y * slope)
        factor = np.maximum(saved > 0, slope, dtype=saved.dtype)  # 1 or slope; np.where is slower
        return np.multiply(factor, grad_y, out=factor if factor.ndim else None)
    if kind == "sigmoid":
        factor = np.asarray(1 - saved)
        factor *= saved
    elif kind == "tanh":
        factor = np.asarray(saved * saved)
        np.subtract(1, factor, out=factor)
    elif kind == "hardsigmoid":
        return _where(np.abs(saved) < 3, np.asarray(grad_y / 6))
    elif kind == "hardswish":
        factor = np.asarray(saved / 3)
        factor += 0.5
        np.copyto(factor, 1, where=saved >= 3)
        factor *= grad_y
        np.copyto(factor, 0, where=saved <= -3)
        return factor
    else:  # silu: s (1 + x (1 - s))
        s = _one_plus_exp_minus(saved)
        np.reciprocal(s, out=s)
        factor = np.asarray(1 - s)
        factor *= saved
        factor += 1
        factor *= s
    factor *= grad_y
    return factor


def _where(kept: Array, grad_y: Array) -> Array:
    """The gradient where it is kept, else 0: a product would let a NaN through where f is flat."""
    grad_x = np.zeros_like(grad_y)
    np.copyto(grad_x, grad_y, where=kept)
    return grad_x


def _one_plus_exp_minus(x: Array) -> Array:
    """1 + e^-x, in a new array, even for no axes."""
    y = np.asarray(np.negative(x))
    with np.errstate(over="ignore"):  # exp(1e4) is inf, and 1 / (1 + inf) is the 0 that is meant
        np.exp(y, out=y)
    y += 1
    return y
