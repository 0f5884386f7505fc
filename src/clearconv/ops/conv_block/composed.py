"""Blocks composed of the other chapters: what the loops and the matrix telling do.

Nothing is fused here; that is the point: the compiled kernels must give the same.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array, put
from clearconv.ops import max_pool2d
from clearconv.ops.conv_block._operands import (
    Gated,
    Normalised,
    NormGradient,
    Unpooled,
    rectified,
)
from clearconv.ops.geometry.shards import WHOLE, Shards
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
        out: Array | None = None,
    ) -> tuple[Array, Array | None]:
        """Convolve, scale and shift, add, ReLU (cut off at `ceiling`) unless that is None, pool."""
        bias, whole = shift if scale is None else None, None if pool else out
        telling = pick("conv2d", self.backend)
        y = telling.forward(self.computed(x), weight, bias, window, groups, out=whole)
        if scale is not None:
            y *= scale[:, None, None]  # (N, O, OH, OW) * (O, 1, 1)
            if shift is not None:
                y += shift[:, None, None]
        if add is not None:
            y += add
        y = y if ceiling is None else rectified(y, ceiling, self.backend)
        if not pool:
            return put(y, None if y is out else out), None
        top, saved = max_pool2d.forward_saving(y, 2, out=out, backend=self.backend)
        if ceiling is None:
            return top, saved.argmax.astype(np.uint8)
        return top, np.where((top > 0) & (top < ceiling), saved.argmax, 4).astype(np.uint8)

    def forward_moments(
        self,
        x: Array | Normalised,
        weight: Array,
        bias: Array | None,
        window: Window,
        groups: int,
        shards: Shards = WHOLE,
    ) -> tuple[Array, Array]:
        """Convolve, and take each channel's moments over the shards."""
        y = pick("conv2d", self.backend).forward(self.computed(x), weight, bias, window, groups)
        return y, pick("batch_norm2d", self.backend).moments(y, shards=shards)

    def gradient_sums(self, grad_y: Array, normalised: Normalised, shards: Shards = WHOLE) -> Array:
        """Sums over the shards of g, `grad_y` after ReLU's gate, and of g (z - centre): (2, C)."""
        grad = grad_y
        if normalised.relu:
            y = normalised.compose(self.backend)
            grad = Gated(grad_y, y, normalised.ceiling).compose(self.backend)
        add_up = pick("batch_norm2d", self.backend).gradient_sums
        sums: Array = add_up(grad, normalised.x, normalised.statistics.mean, shards=shards)
        return sums

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
        shards: Shards = WHOLE,
        as_sums: bool = False,
    ) -> tuple[Array | None, Array, Array | None]:
        """Gradients of the input, if wanted and added to `into` if given, filters and bias.

        A sum over the shards of the filters' gradient is that gradient here, with `as_sums` or not.
        """
        telling = pick("conv2d", self.backend)
        grads, values = self.computed(grad), self.computed(x)
        total = telling.backward_weight(
            grads, values, window, groups, shards=shards, out=grad_weight
        )
        grad_x = telling.backward_input(grads, weight, window, groups) if input else None
        if into is not None and grad_x is not None:
            into += grad_x
            grad_x = into
        return grad_x, total, telling.backward_bias(grads, shards=shards) if bias else None

    def add(self, x: Array | Normalised, other: Array | Normalised, relu: bool) -> Array:
        """Sum of two values, then ReLU if requested."""
        y = self.computed(x) + self.computed(other)
        return rectified(y, np.inf, self.backend) if relu else y

    def room(self, like: Array, channels: int) -> Array:
        """Return an array like this one with this number of channels, channels-last."""
        N, _, H, W = like.shape
        return np.empty((N, H, W, channels), like.dtype, like=like).transpose(0, 3, 1, 2)

    def write(self, value: Array | Normalised | NormGradient, out: Array, accumulate: bool) -> None:
        """Compute a value and write it into an array, or add it to what the array holds."""
        if accumulate:
            out += self.computed(value)
        else:
            out[...] = self.computed(value)

    def computed(self, value: Array | Normalised | Gated | NormGradient | Unpooled) -> Array:
        """The value, computed if necessary."""
        return value if isinstance(value, np.ndarray) else value.compose(self.backend)
