"""Activations on whole arrays, in as few passes over memory as NumPy allows.

NumPy's elementwise functions keep the memory layout of their arguments; without axes they return a
number, which ``np.asarray`` turns back into an array that can be written into.
"""

import numpy as np

from clearconv.arrays import Array, put, zeros_like


def forward(x: Array, kind: str, slope: float, out: Array | None = None) -> Array:
    """Apply f to the whole array."""
    if kind == "relu":
        return np.maximum(x, 0, out=out)  # keeps NaN
    if kind == "relu6":
        return np.clip(x, 0, 6, out=out)  # keeps NaN
    if kind == "leaky_relu":
        if slope == 0:  # x * 0 would be NaN where x is infinite
            return put(np.where(x > 0, x, x * slope), out)
        bend = np.maximum if slope <= 1 else np.minimum  # whichever is x for x > 0
        y = np.asarray(np.multiply(x, slope, out=out))
        return bend(x, y, out=y)
    if kind == "tanh":
        return np.tanh(x, out=out)
    if kind in ("hardsigmoid", "hardswish"):
        y = np.asarray(np.add(x, 3, out=out))
        np.clip(y, 0, 6, out=y)
        y /= 6
        return y if kind == "hardsigmoid" else np.multiply(x, y, out=y)
    y = _one_plus_exp_minus(x, out)
    return np.divide(1 if kind == "sigmoid" else x, y, out=y)  # sigmoid, otherwise silu


def backward_input(
    grad_y: Array, saved: Array, kind: str, slope: float, out: Array | None = None
) -> Array:
    """`grad_y` times f', computed from the saved x or y."""
    if kind == "relu":
        return _where(saved > 0, grad_y, out)
    if kind == "relu6":
        return _where((saved > 0) & (saved < 6), grad_y, out)
    if kind == "leaky_relu":
        if not 0 < slope <= 1:
            return put(np.where(saved > 0, grad_y, grad_y * slope), out)
        # 1 or slope; np.where is slower
        factor = np.asarray(np.maximum(saved > 0, slope, dtype=saved.dtype, out=out))
        return np.multiply(factor, grad_y, out=factor)
    if kind == "sigmoid":
        factor = np.asarray(np.subtract(1, saved, out=out))
        factor *= saved
    elif kind == "tanh":
        factor = np.asarray(np.multiply(saved, saved, out=out))
        np.subtract(1, factor, out=factor)
    elif kind == "hardsigmoid":
        return np.divide(grad_y, 6, out=zeros_like(grad_y, out), where=(saved > -3) & (saved < 3))
    elif kind == "hardswish":
        factor = np.asarray(np.divide(saved, 3, out=out))
        factor += 0.5
        np.copyto(factor, 1, where=saved >= 3)
        factor *= grad_y
        np.copyto(factor, 0, where=saved <= -3)
        return factor
    else:  # silu: s (1 + x (1 - s))
        s = _one_plus_exp_minus(saved)
        np.reciprocal(s, out=s)
        factor = np.asarray(np.subtract(1, s, out=out))
        factor *= saved
        factor += 1
        factor *= s
    factor *= grad_y
    return factor


def _where(kept: Array, grad_y: Array, out: Array | None) -> Array:
    """The gradient where it is kept, else 0: a product would let NaN through where f is flat."""
    grad_x = zeros_like(grad_y, out)
    np.copyto(grad_x, grad_y, where=kept)
    return grad_x


def _one_plus_exp_minus(x: Array, out: Array | None = None) -> Array:
    """1 + e^-x, in a new array or `out`."""
    y = np.asarray(np.negative(x, out=out))
    with np.errstate(over="ignore"):  # exp(1e4) is inf, and 1 / (1 + inf) is the intended 0
        np.exp(y, out=y)
    y += 1
    return y
