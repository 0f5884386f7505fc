"""Batch normalisation."""

from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import is_number
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.numbers.initial import constant
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import batch_norm2d


class BatchNorm2d(Layer):
    """Give each channel mean 0 and deviation 1, then a learnt scale and shift.

    In training the statistics are the batch's, and the running ones follow them; in evaluation the
    running ones are used, so that an image's result does not depend on the rest of its batch.

    Parameters
    ----------
    eps : float
        Added to the variance; above 0.
    momentum : float
        Weight of the new batch in the running statistics (PyTorch's sense), 0 to 1. PyTorch's
        None, the average of all batches so far, is not offered.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` (C,) starts at 1, ``bias`` (C,) at 0. Buffers: ``running_mean``,
    ``running_var`` (C,). Takes (N, C, H, W) and (N, C).
    """

    prefix = "norm"
    operation = batch_norm2d

    def __init__(
        self,
        *positional: Any,
        eps: float = 1e-5,
        momentum: float = 0.1,
        name: str | None = None,
    ) -> None:
        if positional:
            raise ArgumentError(
                f"BatchNorm2d({', '.join(map(repr, positional))}): channels are inferred, so "
                "nothing comes by position. Write BatchNorm2d()."
            )
        if not (is_number(eps) and 0 < eps < np.inf):
            raise ArgumentError(
                f"BatchNorm2d: eps={eps!r}, but a number above 0 is needed, such as 1e-5: it "
                "keeps a constant channel from being divided by 0."
            )
        if momentum is None:
            raise ArgumentError(
                "BatchNorm2d: momentum=None is PyTorch's average of all batches so far, which is "
                "not offered. Give a number from 0 to 1, such as 0.1."
            )
        if not (is_number(momentum) and 0 <= momentum <= 1):
            raise ArgumentError(
                f"BatchNorm2d: momentum={momentum!r}, but the weight of the new batch is needed, "
                "a number from 0 to 1, such as 0.1."
            )
        super().__init__(name, eps=eps, momentum=momentum)
        self.eps, self.momentum = eps, momentum

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take: 2 for 1x1 maps and features."""
        return 1 if prod(self.input_shape[1:]) > 1 else 2

    def _build(self, input_shape: Shape) -> Shape:
        C = input_shape[0]
        self._parameter("weight", (C,), constant(1.0, (C,)), decay=False)
        self._parameter("bias", (C,), constant(0.0, (C,)), decay=False)
        # views of one number: nothing is allocated before the whole model is known to fit
        self._buffer("running_mean", np.broadcast_to(0.0, (C,)))
        self._buffer("running_var", np.broadcast_to(1.0, (C,)))
        return input_shape

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (self._call("forward_saving"),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        weight, bias = self.value("weight"), self.value("bias")
        mean, var = self.value("running_mean"), self.value("running_var")
        if not context.training:
            # saved holds copies: a later training step does not change what backward uses
            return batch_norm2d.forward_saving(x, weight, bias, self.eps, mean=mean, var=var)
        moments = None
        if context.in_parts:
            found = batch_norm2d.moments(x, shards=context.shards, joined=True)
            moments = context.group.combine(found, "moments")
        y, saved = batch_norm2d.forward_saving(x, weight, bias, self.eps, moments=moments)
        batch_norm2d.update_running(mean, var, saved, self.momentum)
        return y, saved

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        to_weight, to_bias = self.grad("weight"), self.grad("bias")
        sums = None
        if context.in_parts:
            found = batch_norm2d.gradient_sums(grad_y, saved, shards=context.shards, joined=True)
            sums = context.group.combine(found, "sum")
        elif not context.input_gradient:
            batch_norm2d.backward_weight(grad_y, saved, out=to_weight)
            batch_norm2d.backward_bias(grad_y, saved, out=to_bias)
            return None
        weight = self.value("weight")
        grad_x, _, _ = batch_norm2d.backward(
            grad_y, weight, saved, sums=sums, out_weight=to_weight, out_bias=to_bias
        )
        return grad_x
