"""A convolution and the layers after it, run as one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ShapeError
from clearconv.layers.base.layer import Layer, at_layer
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.convolution.conv2d import Conv2d
from clearconv.layers.norm.batch_norm2d import BatchNorm2d
from clearconv.layers.stages.norm import norm_of, relu_words
from clearconv.layers.stages.stage import ArrayOrNormalised, ResidualEnd
from clearconv.ops import batch_norm2d, conv2d, conv_block
from clearconv.ops.conv_block import BlockGradients, BlockSaved, Norm, Normalised


@dataclass(frozen=True)
class ConvStage:
    """One fused block: convolution, then optional batch norm, ReLU (or ReLU6), 2x2 max pooling."""

    conv: Conv2d
    norm: BatchNorm2d | None = None
    relu: bool = False
    ceiling: float = np.inf
    pool: bool = False
    layers: tuple[Layer, ...] = ()  # the layers that it replaces

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        yield StageRow(
            tuple(layer.path for layer in self.layers),
            (Call(f"conv_block.{'forward_saving' if training else 'forward'}", self._words()),),
        )

    def row_with_sum(self, words: str, paths: tuple[str, ...]) -> StageRow:
        """Return what runs in evaluation with a sum, described by `words`, included."""
        whole = (*(layer.path for layer in self.layers), *paths)
        return StageRow(whole, (Call("conv_block.forward", f"{self._words()} + {words}"),))

    def _words(self) -> str:
        steps = ["conv", *(["batch norm"] if self.norm is not None else [])]
        steps += relu_words(self.relu, self.ceiling)
        return " + ".join(steps + ["2x2 max pooling"] * self.pool)

    def run(
        self,
        x: ArrayOrNormalised,
        context: Context,
        tape: Tape | None,
        end: ResidualEnd | None = None,
    ) -> ArrayOrNormalised:
        """Forward; without a tape, it includes an addition and a ReLU after it."""
        conv = self.conv
        weight = conv.value("weight")
        bias = conv.value("bias") if conv.bias else None
        try:
            conv._fits("channels", x.shape[1], conv.input_shape[0], x.shape)
            if tape is None:
                options = {**conv.geometry, "norm": self._norm(True), "pool": self.pool}
                if end is not None:
                    return conv_block.forward(
                        x, weight, bias, **options, add=end.array, relu=end.relu
                    )
                return conv_block.forward(
                    x, weight, bias, **options, relu=self.relu, ceiling=self.ceiling
                )
            options = {**conv.geometry, "norm": self._norm(not context.training), "pool": self.pool}
            if self.norm is not None and context.training and context.in_parts:
                z, moments = conv_block.forward_moments(
                    x, weight, bias, **conv.geometry, shards=context.shards
                )
                options["measured"] = z, context.group.combine(moments, "moments")
            y, saved = conv_block.forward_saving(
                x, weight, bias, **options, relu=self.relu, ceiling=self.ceiling
            )
        except ShapeError as error:
            raise at_layer(conv.label, error) from None
        if self.norm is not None and context.training and isinstance(y, Normalised):
            mean, var = self.norm.value("running_mean"), self.norm.value("running_var")
            batch_norm2d.update_running(mean, var, y.statistics, self.norm.momentum)
        tape.saved[conv.path] = saved
        return y

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array | None:
        """Backward; the input's gradient is added to `into` if given."""
        conv, weight, saved = (
            self.conv,
            self.conv.value("weight"),
            tape.recall(self.conv.path, grad_y),
        )
        options: dict[str, Any] = {"input_gradient": context.input_gradient, "into": into}
        if context.in_parts:
            grads = self._combine(grad_y, weight, saved, context, options)
        else:
            to = conv.grad("weight")
            grads = conv_block.backward(grad_y, weight, saved, **options, grad_weight=to)
        if grads.bias is not None:
            conv.grad("bias")[...] = grads.bias
        if self.norm is not None:
            self.norm.grad("weight")[...] = grads.norm_weight
            self.norm.grad("bias")[...] = grads.norm_bias
        return grads.x

    def _combine(
        self,
        grad_y: Array,
        weight: Array,
        saved: BlockSaved,
        context: Context,
        options: dict[str, Any],
    ) -> BlockGradients:
        """Fill the filters' gradient from the sums of all members of the group."""
        shards, group = context.shards, context.group
        if self.norm is not None:
            found = conv_block.gradient_sums(grad_y, saved, shards=shards, joined=True)
            options["sums"] = group.combine(found, "sum")
        grads = conv_block.backward_sums(grad_y, weight, saved, shards=shards, **options)
        total = group.combine(grads.weight, "sum")
        conv2d.weight_from_sum(total, weight.shape, out=self.conv.grad("weight"))
        bias = None if grads.bias is None else group.combine(grads.bias, "sum")
        return replace(grads, bias=bias)

    def _norm(self, fixed: bool) -> Norm | None:
        return None if self.norm is None else norm_of(self.norm, fixed)
