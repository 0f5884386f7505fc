"""A batch norm, optionally with a ReLU, run as one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ShapeError
from clearconv.layers.base.layer import Layer, at_layer
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.norm.batch_norm2d import BatchNorm2d
from clearconv.layers.stages.stage import ArrayOrNormalised, computed
from clearconv.ops import batch_norm2d, conv_block
from clearconv.ops.conv_block import Norm


@dataclass(frozen=True)
class NormStage:
    """Batch norm, optionally with a ReLU (or ReLU6), carried out by whatever reads the result."""

    norm: BatchNorm2d
    relu: bool = False
    ceiling: float = np.inf
    layers: tuple[Layer, ...] = ()  # the layers that it replaces

    def rows(self, training: bool) -> Iterator[StageRow]:
        """Yield what a forward pass runs."""
        does = ["batch norm", *relu_words(self.relu, self.ceiling)]
        paths = tuple(layer.path for layer in self.layers)
        yield StageRow(paths, (Call("conv_block.normalise", " + ".join(does)),))

    def run(self, x: ArrayOrNormalised, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward."""
        layer, fixed = self.norm, tape is None or not context.training
        try:
            layer._fits("channels", x.shape[1], layer.input_shape[0], x.shape)
            norm, x, moments = norm_of(layer, fixed), computed(x), None
            if context.in_parts and not fixed:
                found = batch_norm2d.moments(x, shards=context.shards, joined=True)
                moments = context.group.combine(found, "moments")
            y = conv_block.normalise(x, norm, self.relu, self.ceiling, moments=moments)
        except ShapeError as error:
            raise at_layer(layer.label, error) from None
        if not fixed:
            mean, var = layer.value("running_mean"), layer.value("running_var")
            batch_norm2d.update_running(mean, var, y.statistics, layer.momentum)
        if tape is not None:
            tape.saved[layer.path] = y
        return y

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array | None:
        """Backward; the input's gradient is added to `into` if given."""
        layer, sums, saved = self.norm, None, tape.recall(self.norm.path, grad_y)
        if context.in_parts:
            found = conv_block.gradient_sums(grad_y, saved, shards=context.shards, joined=True)
            sums = context.group.combine(found, "sum")
        grads = conv_block.backward_normalise(
            grad_y, saved, sums=sums, input_gradient=context.input_gradient, into=into
        )
        layer.grad("weight")[...] = grads.weight
        layer.grad("bias")[...] = grads.bias
        return grads.x


def norm_of(layer: BatchNorm2d, fixed: bool) -> Norm:
    """Return the layer's numbers, with its running statistics if they are fixed."""
    weight, bias = layer.value("weight"), layer.value("bias")
    if not fixed:
        return Norm(weight, bias, layer.eps)
    # copies: a later training step must not change what backward uses
    mean, var = layer.value("running_mean"), layer.value("running_var")
    return Norm(weight, bias, layer.eps, mean.copy(), var.copy())


def relu_words(relu: bool, ceiling: float) -> list[str]:
    """Name the ReLU, if there is one."""
    return [] if not relu else ["ReLU"] if ceiling == np.inf else [f"ReLU{ceiling:g}"]
