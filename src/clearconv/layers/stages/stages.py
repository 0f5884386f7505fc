"""Stages: layers that run as one, such as a convolution and what stands behind it.

A container plans them when it is placed. Layers do not know of stages, and a pass that keeps every
inner array (``keep="all"``) runs layer by layer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ShapeError
from clearconv.layers.activations import Activation, Identity, ReLU, ReLU6
from clearconv.layers.base.layer import at_layer
from clearconv.layers.base.node import Node
from clearconv.layers.base.tape import Context, Tape
from clearconv.layers.batch_norm2d import BatchNorm2d
from clearconv.layers.conv2d import Conv2d
from clearconv.layers.pool2d import MaxPool2d
from clearconv.layers.stages.growth import Growth
from clearconv.ops import batch_norm2d, conv_block
from clearconv.ops.conv_block import Norm, Normalised

#: What passes between the stages of one chain.
Value = Array | Normalised

#: The activations that a stage takes in, and the most that they let through.
_CEILINGS = {"relu": np.inf, "relu6": 6.0}


@dataclass(frozen=True)
class Stage:
    """One fused block: convolution, then perhaps batch norm, ReLU (or ReLU6), 2x2 max pooling."""

    conv: Conv2d
    norm: BatchNorm2d | None = None
    relu: bool = False
    ceiling: float = np.inf
    pool: bool = False

    def run(
        self,
        x: Value,
        context: Context,
        tape: Tape | None,
        end: "Addend | None" = None,
    ) -> Value:
        """Forward; without a tape, an addition and a ReLU after it are taken in."""
        conv = self.conv
        weight = conv.value("weight")
        bias = conv.value("bias") if conv.bias else None
        try:
            conv._fits("channels", x.shape[1], conv.input_shape[0], x.shape)
            if tape is None:
                how = {**conv.how, "norm": self._norm(True), "pool": self.pool}
                if end is not None:
                    return conv_block.forward(x, weight, bias, **how, add=end.array, relu=end.relu)
                return conv_block.forward(
                    x, weight, bias, **how, relu=self.relu, ceiling=self.ceiling
                )
            how = {**conv.how, "norm": self._norm(not context.training), "pool": self.pool}
            y, saved = conv_block.forward_saving(
                x, weight, bias, **how, relu=self.relu, ceiling=self.ceiling
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
        conv = self.conv
        grads = conv_block.backward(
            grad_y,
            conv.value("weight"),
            tape.recall(conv.path, grad_y),
            input_gradient=context.input_gradient,
            into=into,
            grad_weight=conv.grad("weight"),
        )
        if grads.bias is not None:
            conv.grad("bias")[...] = grads.bias
        if self.norm is not None:
            self.norm.grad("weight")[...] = grads.norm_weight
            self.norm.grad("bias")[...] = grads.norm_bias
        return grads.x

    def _norm(self, fixed: bool) -> Norm | None:
        return None if self.norm is None else _norm_of(self.norm, fixed)


@dataclass(frozen=True)
class NormStage:
    """Batch norm, perhaps with a ReLU (or ReLU6), that whoever reads the result carries out."""

    norm: BatchNorm2d
    relu: bool = False
    ceiling: float = np.inf

    def run(self, x: Value, context: Context, tape: Tape | None) -> Value:
        """Forward."""
        layer, fixed = self.norm, tape is None or not context.training
        try:
            layer._fits("channels", x.shape[1], layer.input_shape[0], x.shape)
            norm = _norm_of(layer, fixed)
            y = conv_block.normalise(computed(x), norm, self.relu, self.ceiling)
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
        layer = self.norm
        grads = conv_block.backward_normalise(
            grad_y,
            tape.recall(layer.path, grad_y),
            input_gradient=context.input_gradient,
            into=into,
        )
        layer.grad("weight")[...] = grads.weight
        layer.grad("bias")[...] = grads.bias
        return grads.x


def _norm_of(layer: BatchNorm2d, fixed: bool) -> Norm:
    weight, bias = layer.value("weight"), layer.value("bias")
    if not fixed:
        return Norm(weight, bias, layer.eps)
    # copies: a later training step must not change what backward uses
    mean, var = layer.value("running_mean"), layer.value("running_var")
    return Norm(weight, bias, layer.eps, mean.copy(), var.copy())


#: What a chain runs: a layer or container by itself, or several as one.
Step = Node | Stage | NormStage | Growth


def plan(nodes: Iterable[Node]) -> list[Step]:
    """Group a chain's nodes into stages; what is no part of one stays as it is."""
    rest = list(nodes)
    steps: list[Step] = []
    while rest:
        node = rest.pop(0)
        # subclasses may do something else; only the layers themselves are known
        if type(node) is Identity:
            continue
        if _adds(node) is not None:
            blocks = [node]
            while rest and _adds(rest[0]) is not None:
                blocks.append(rest.pop(0))
            channels = tuple(block.output_shape[0] - block.input_shape[0] for block in blocks)
            steps.append(Growth(tuple(map(_adds, blocks)), channels))
            continue
        if type(node) is BatchNorm2d and len(node.input_shape) == 3 and rest:
            if _is_relu(relu := rest[0]):
                rest.pop(0)
                steps.append(NormStage(node, True, _CEILINGS[relu.kind]))
                continue
            if _is_convolution(rest[0]):
                steps.append(NormStage(node))
                continue
        if not _is_convolution(node):
            steps.append(node)
            continue
        stage = _with_relu(Stage(node), node.activation)
        if not stage.relu and rest and type(norm := rest[0]) is BatchNorm2d:
            rest.pop(0)
            stage = replace(stage, norm=norm)
        if not stage.relu and rest and _is_relu(relu := rest[0]):
            rest.pop(0)
            stage = _with_relu(stage, relu.kind)
        if stage.norm is None and rest and _halves(rest[0]):
            if min(node.output_shape[1:]) >= 2:
                rest.pop(0)
                stage = replace(stage, pool=True)
        steps.append(stage)
    return steps


def _learns(step: Step) -> bool:
    return not isinstance(step, Node) or any(layer.declared for layer in step.leaves())


def _adds(node: Node) -> Any:
    """Return the chain whose channels a container adds to those it hands on; None for others."""
    return getattr(node, "added", None)


def _is_convolution(node: Node) -> TypeGuard[Conv2d]:
    if type(node) is not Conv2d or not node.shared_biases:
        return False
    return node.activation in ("identity", *_CEILINGS)


def _may_end_in_sum(step: Step) -> TypeGuard[Stage]:
    return isinstance(step, Stage) and not step.relu and not step.pool


def _with_relu(stage: Stage, kind: str) -> Stage:
    """Return the stage with this activation; identity adds none."""
    if kind not in _CEILINGS:
        return stage
    return replace(stage, relu=True, ceiling=_CEILINGS[kind])


def _is_relu(node: Node) -> TypeGuard[Activation]:
    if type(node) is ReLU or type(node) is ReLU6 or type(node) is Activation:
        return node.kind in _CEILINGS
    return False


def _halves(node: Node) -> bool:
    """Tell a plain 2x2 max pooling."""
    if type(node) is not MaxPool2d:
        return False
    how: dict[str, Any] = node.arguments
    plain = how["padding"] in (0, (0, 0), "valid") and how["dilation"] in (1, (1, 1))
    pairs = how["kernel_size"] in (2, (2, 2)) and how["stride"] in (2, (2, 2))
    return plain and pairs and not how["ceil_mode"]


def computed(value: Value) -> Array:
    """Return the array itself."""
    return value.array() if isinstance(value, Normalised) else value


class Chain:
    """One node after another, grouped into stages."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = list(nodes)
        self.stages = plan(self.nodes)
        learns = (i for i, step in enumerate(self.stages) if _learns(step))
        self.lowest = next(learns, len(self.stages))  # the first stage with parameters

    def run(
        self, x: Value, context: Context, tape: Tape | None, end: "Addend | None" = None
    ) -> Value:
        """Run forward; the result may not be computed yet. `end` only without a tape."""
        steps = self._steps(tape)
        last = len(steps) - 1
        for place, step in enumerate(steps):
            if isinstance(step, Node):
                x = step._run(computed(x), context, tape)
            elif place == last and end is not None and _may_end_in_sum(step):
                return step.run(x, context, tape, end)
            else:
                x = step.run(x, context, tape)
        if end is None:
            return x
        return conv_block.add(x, end.array, end.relu)

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array | None:
        """Run backward; where dL/dx is not wanted, no further than to the first parameters.

        With `into` the result is added to that array, which is returned.
        """
        grad: Array | None = grad_y
        inner = replace(context, input_gradient=True)
        steps = self._steps(tape)
        last = 0 if context.input_gradient or tape.keep == "all" else self.lowest
        for place in range(len(steps) - 1, last - 1, -1):
            step, asked = steps[place], context if place == last else inner
            assert grad is not None
            if isinstance(step, Node):
                grad = step._run_back(grad, tape, asked)
            elif place == 0 and into is not None and not np.may_share_memory(grad, into):
                return step.run_back(grad, tape, asked, into)
            else:
                grad = step.run_back(grad, tape, asked)
        if grad is None or not context.input_gradient:
            return None
        if into is None:
            return grad
        into += grad
        return into

    def _steps(self, tape: Tape | None) -> Sequence[Step]:
        return self.nodes if tape is not None and tape.keep == "all" else self.stages


@dataclass(frozen=True)
class Addend:
    """What a chain's result is added to, and whether ReLU follows: a residual block's end."""

    array: Array
    relu: bool
