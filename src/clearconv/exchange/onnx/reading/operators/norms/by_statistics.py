"""BatchNormalization, InstanceNormalization, GroupNormalization: by channels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.operators.pools.reductions import reduced
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import (
    Given,
    MixedBatch,
    Refused,
    constant_of,
    value_of,
)
from clearconv.layers import BatchNorm2d, GroupNorm, InstanceNorm2d, Node
from clearconv.layers.elementary.elementwise import Elementwise


def read_batch(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a batch norm with the file's running statistics."""
    if whole(operator, "training_mode", 0):
        return _in_training(operator, inputs, b)
    if any(operator.outputs[1:]):
        raise Refused("more than one output")
    if not whole(operator, "spatial", 1):
        raise Refused("attribute spatial=0")
    x = value_of(inputs[0], "the image")
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {name: constant_of(one, name) for name, one in zip(names, inputs[1:], strict=True)}
    momentum = 1 - number(operator, "momentum", 0.9)
    layer = BatchNorm2d(eps=number(operator, "epsilon", 1e-5), momentum=round(momentum, 7))
    return [_over_maps(operator, layer, x, weights, b)]


def _in_training(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a batch norm by the statistics of the batch, and the new running statistics."""
    if b.batched:
        raise MixedBatch("training_mode: it computes the statistics of the batch")
    x = value_of(inputs[0], "the image")
    names = ("the scale", "the bias", "the running mean", "the running variance")
    scale, bias, mean, var = (constant_of(w, n) for w, n in zip(inputs[1:], names, strict=True))
    along = [axis for axis in range(len(x.shape)) if axis != 1]
    column = (-1, *(1,) * (len(x.shape) - 2))
    middle = reduced("mean", x, along, True, b)
    centred = combined("Sub", (x, middle), operator, b)
    variance = reduced("mean", b.add(Elementwise("square"), centred), along, True, b)
    eps = number(operator, "epsilon", 1e-5)
    inverse = b.add(
        Elementwise("power", (-0.5,)), b.add(Elementwise("affine", (1.0, eps)), variance)
    )
    y = combined("Mul", (centred, inverse), operator, b)
    y = combined("Mul", (y, scale.reshape(column)), operator, b)
    y = combined("Add", (y, bias.reshape(column)), operator, b)
    kept = number(operator, "momentum", 0.9)
    running = []
    for new, old in ((middle, mean), (variance, var)):
        share = b.add(Elementwise("affine", (1 - kept, 0.0)), b.reshape(new, x.shape[1:2]))
        running.append(combined("Add", (share, (kept * old).astype(old.dtype)), operator, b))
    return [y, *running]


def read_instance(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a norm of each channel of each image."""
    x, weights = _with_weights(inputs)
    layer = InstanceNorm2d(eps=number(operator, "epsilon", 1e-5), affine=True)
    return [_over_maps(operator, layer, x, weights, b)]


def read_group(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a norm of groups of channels; before opset 21 it has weights for each group."""
    x, weights = _with_weights(inputs)
    groups = whole(operator, "num_groups", 1)
    if b.opset < 21 and groups > 0 and x.shape[1] % groups == 0:
        weights = {name: np.repeat(w, x.shape[1] // groups) for name, w in weights.items()}
    layer = GroupNorm(groups, eps=number(operator, "epsilon", 1e-5))
    return [_over_maps(operator, layer, x, weights, b)]


def _with_weights(inputs: Sequence[Given]) -> tuple[Any, dict[str, Any]]:
    x, weight, bias = inputs
    weights = {"weight": constant_of(weight, "the scale"), "bias": constant_of(bias, "the bias")}
    return value_of(x, "the image"), weights


def _over_maps(
    operator: Operator, layer: Node, x: Any, weights: dict[str, Any], b: Building
) -> Any:
    """Run a layer over (C, H, W), or over features."""
    name = b.names.of(operator)
    if len(x.shape) == 2 and b.batched:
        return b.add(layer, x, name=name, weights=weights)
    return b.reshape(b.add(layer, b.maps(x), name=name, weights=weights), x.shape)


READERS = {
    "BatchNormalization": Reader(read_batch, "epsilon momentum spatial training_mode"),
    "InstanceNormalization": Reader(read_instance, "epsilon"),
    "GroupNormalization": Reader(read_group, "epsilon num_groups stash_type"),
}
