"""Blocks made of the other chapters: what the loops and the matrix telling do.

Nothing is fused here; that is the point: the compiled kernels must give the same.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import max_pool2d
from clearconv.ops.conv_block._operands import (
    Gated,
    Normalised,
    NormGradient,
    Unpooled,
    rectified,
)
from clearconv.ops.geometry.window import Window
from clearconv.ops.tellings import pick


@dataclass(frozen=True)
class Composed:
    """The functions of this chapter, each step in the telling called `backend`."""

    backend: str

    def forward(
        self,
        x: Array | Normalised,
        weight: Array,
        scale: Array | None,
        shift: Array | None,
        window: Window,
        groups: int,
        add: Array | None,
        ceiling: float | None,
        pool: bool,
    ) -> tuple[Array, Array | None]:
        """Convolve, scale and shift, add, ReLU (cut off at `ceiling`) unless that is None, pool."""
        bias = shift if scale is None else None
        y = pick("conv2d", self.backend).forward(self.computed(x), weight, bias, window, groups)
        if scale is not None:
            y = y * scale[:, None, None]  # (N, O, OH, OW) * (O, 1, 1)
            y = y if shift is None else y + shift[:, None, None]
        y = y if add is None else y + add
        y = y if ceiling is None else rectified(y, ceiling, self.backend)
        if not pool:
            return y, None
        top, saved = max_pool2d.forward_saving(y, 2, backend=self.backend)
        if ceiling is None:
            return top, saved.argmax.astype(np.uint8)
        return top, np.where((top > 0) & (top < ceiling), saved.argmax, 4).astype(np.uint8)

    def forward_moments(
        self, x: Array | Normalised, weight: Array, bias: Array | None, window: Window, groups: int
    ) -> tuple[Array, Array, Array]:
        """Convolve, and take each channel's mean and variance over the batch."""
        y = pick("conv2d", self.backend).forward(self.computed(x), weight, bias, window, groups)
        unit, zero = np.ones(len(weight), y.dtype), np.zeros(len(weight), y.dtype)
        _, mean, var = pick("batch_norm2d", self.backend).forward_training(y, unit, zero, 1.0)
        return y, mean, var

    def gradient_sums(self, grad_y: Array, normalised: Normalised) -> Array:
        """Sums over the batch of g, `grad_y` behind ReLU's gate, and of g (z - centre): (2, C)."""
        grad = grad_y
        if normalised.relu:
            y = normalised.compose(self.backend)
            grad = Gated(grad_y, y, normalised.ceiling).compose(self.backend)
        z, centre = normalised.x, normalised.coefficients[0]
        away = z - centre[:, None, None]  # (N, C, H, W) - (C, 1, 1)
        telling = pick("batch_norm2d", self.backend)
        sums = [telling.backward_bias(part) for part in (grad, grad * away)]
        return np.array(sums, np.float64)

    def backward(
        self,
        grad: Array | Gated | NormGradient | Unpooled,
        x: Array | Normalised,
        weight: Array,
        window: Window,
        groups: int,
        bias: bool,
        grad_weight: Array | None,
        input: bool,
        into: Array | None,
    ) -> tuple[Array | None, Array, Array | None]:
        """Gradients of the input, if wanted and added to `into` if given, filters and bias."""
        telling = pick("conv2d", self.backend)
        grads = self.computed(grad)
        total = telling.backward_weight(grads, self.computed(x), window, groups)
        if grad_weight is not None:
            np.copyto(grad_weight, total)
            total = grad_weight
        grad_x = telling.backward_input(grads, weight, window, groups) if input else None
        if into is not None and grad_x is not None:
            into += grad_x
            grad_x = into
        return grad_x, total, telling.backward_bias(grads) if bias else None

    def add(self, x: Array | Normalised, other: Array | Normalised, relu: bool) -> Array:
        """Sum of two values, then ReLU if asked."""
        y = self.computed(x) + self.computed(other)
        return rectified(y, np.inf, self.backend) if relu else y

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Take each channel's mean and variance over the batch, in float64."""
        C = x.shape[1]
        unit, zero = np.ones(C, x.dtype), np.zeros(C, x.dtype)
        _, mean, var = pick("batch_norm2d", self.backend).forward_training(x, unit, zero, 1.0)
        return mean, var

    def room(self, like: Array, channels: int) -> Array:
        """Return an array like this one, with so many channels, channels-last."""
        N, _, H, W = like.shape
        return np.empty((N, H, W, channels), like.dtype, like=like).transpose(0, 3, 1, 2)

    def write(self, value: Array | Normalised | NormGradient, out: Array, accumulate: bool) -> None:
        """Put a value, computed, into an array, or add it to what that holds."""
        if accumulate:
            out += self.computed(value)
        else:
            out[...] = self.computed(value)

    def computed(self, value: Array | Normalised | Gated | NormGradient | Unpooled) -> Array:
        """The value, computed if it is not yet."""
        return value if isinstance(value, np.ndarray) else value.compose(self.backend)
