"""Which neighbours run as one: a chain's nodes grouped into stages.

A container plans its stages when it is placed. Layers do not know of stages, and a pass that
keeps every inner array (``keep="all"``) runs layer by layer.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np

from clearconv.layers.activation.activations import Activation, Identity, ReLU, ReLU6
from clearconv.layers.base.node import Node
from clearconv.layers.convolution.conv2d import Conv2d
from clearconv.layers.norm.batch_norm2d import BatchNorm2d
from clearconv.layers.pooling.pool2d import MaxPool2d
from clearconv.layers.stages.conv import ConvStage
from clearconv.layers.stages.growth import DenseGrowth
from clearconv.layers.stages.norm import NormStage

#: What a chain runs: a layer or container by itself, or several as one.
ChainStep = Node | ConvStage | NormStage | DenseGrowth

#: Activations that a stage can include, and the largest value that they let through.
_CEILINGS = {"relu": np.inf, "relu6": 6.0}


def plan_stages(nodes: Iterable[Node]) -> list[ChainStep]:
    """Group a chain's nodes into stages; nodes outside any stage stay as they are."""
    rest = list(nodes)
    steps: list[ChainStep] = []
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
            names = tuple((next(one.leaves()).path, one.path or "joined") for one in blocks)
            steps.append(DenseGrowth(tuple(map(_adds, blocks)), channels, names))
            continue
        if type(node) is BatchNorm2d and len(node.input_shape) == 3 and rest:
            if _is_relu(relu := rest[0]):
                rest.pop(0)
                steps.append(NormStage(node, True, _CEILINGS[relu.kind], (node, relu)))
                continue
            if _is_convolution(rest[0]):
                steps.append(NormStage(node, layers=(node,)))
                continue
        if not _is_convolution(node):
            steps.append(node)
            continue
        stage = _with_relu(ConvStage(node, layers=(node,)), node.activation)
        if not stage.relu and rest and type(norm := rest[0]) is BatchNorm2d:
            rest.pop(0)
            stage = replace(stage, norm=norm, layers=(*stage.layers, norm))
        if not stage.relu and rest and _is_relu(relu := rest[0]):
            rest.pop(0)
            stage = replace(_with_relu(stage, relu.kind), layers=(*stage.layers, relu))
        if stage.norm is None and rest and _halves(pool := rest[0]):
            if min(node.output_shape[1:]) >= 2:
                rest.pop(0)
                stage = replace(stage, pool=True, layers=(*stage.layers, pool))
        steps.append(stage)
    return steps


def _adds(node: Node) -> Any:
    """Return the chain whose channels a container adds to its input; None for others."""
    return getattr(node, "added", None)


def _is_convolution(node: Node) -> TypeGuard[Conv2d]:
    if type(node) is not Conv2d or not node.shared_biases:
        return False
    return node.activation in ("identity", *_CEILINGS)


def _with_relu(stage: ConvStage, kind: str) -> ConvStage:
    """Return the stage with this activation; identity adds nothing."""
    if kind not in _CEILINGS:
        return stage
    return replace(stage, relu=True, ceiling=_CEILINGS[kind])


def _is_relu(node: Node) -> TypeGuard[Activation]:
    if type(node) is ReLU or type(node) is ReLU6 or type(node) is Activation:
        return node.kind in _CEILINGS
    return False


def _halves(node: Node) -> TypeGuard[MaxPool2d]:
    """Return whether a node is a plain 2x2 max pooling."""
    if type(node) is not MaxPool2d:
        return False
    arguments: dict[str, Any] = node.arguments
    plain = arguments["padding"] in (0, (0, 0), "valid") and arguments["dilation"] in (1, (1, 1))
    pairs = arguments["kernel_size"] in (2, (2, 2)) and arguments["stride"] in (2, (2, 2))
    return plain and pairs and not arguments["ceil_mode"]
