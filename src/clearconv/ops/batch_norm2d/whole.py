"""From formulas of a batch's sums to those of the whole batch: shared by loops and matrix."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.batch_norm2d.sums import statistics


@dataclass(frozen=True)
class Whole:
    """The functions of a telling that need no other formulas than these four.

    Attributes
    ----------
    forward, moments, gradient_sums, backward_from : callable
        The telling's own; `moments` and `gradient_sums` cover all shards of x.
    """

    forward: Callable[..., Array]
    moments: Callable[..., Array]
    gradient_sums: Callable[..., Array]
    backward_from: Callable[..., tuple[Array, Array, Array]]

    def forward_training(
        self, x: Array, weight: Array, bias: Array, eps: float, out: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """The moments of all shards together, then the formula."""
        mean, var = statistics(self.moments(x))
        return self.forward(x, weight, bias, mean, var, eps, out), mean, var

    def backward(
        self,
        grad_y: Array,
        weight: Array,
        x: Array,
        mean: Array,
        var: Array,
        eps: float,
        fixed: bool,
        out: Array | None = None,
        out_weight: Array | None = None,
        out_bias: Array | None = None,
    ) -> tuple[Array, Array, Array]:
        """The sums of all shards together, then the formulas."""
        sums = self.gradient_sums(grad_y, x, mean)
        count = x.size // x.shape[1]
        outs = out, out_weight, out_bias
        return self.backward_from(sums, count, grad_y, weight, x, mean, var, eps, fixed, *outs)

    def backward_input(
        self,
        grad_y: Array,
        weight: Array,
        x: Array,
        mean: Array,
        var: Array,
        eps: float,
        fixed: bool,
        out: Array | None = None,
    ) -> Array:
        """One of the three; with given statistics it needs no sums."""
        sums = np.zeros((2, x.shape[1])) if fixed else self.gradient_sums(grad_y, x, mean)
        count = x.size // x.shape[1]
        return self.backward_from(sums, count, grad_y, weight, x, mean, var, eps, fixed, out)[0]
