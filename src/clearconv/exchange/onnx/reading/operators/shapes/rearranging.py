"""Reshape, Flatten, Squeeze, Unsqueeze, Transpose, DepthToSpace, SpaceToDepth."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import (
    axes_of,
    flattened,
    reshaped,
    squeezed,
    unsqueezed,
)
from clearconv.exchange.onnx.reading.values import Given, Refused, Value, optional, value_of


def read_reshape(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value in another shape."""
    x = value_of(inputs[0], "the input")
    sizes = optional(inputs[1], "the shape") if len(inputs) > 1 else None
    given = operator.attributes.get("shape") if sizes is None else sizes.reshape(-1).tolist()
    zeros = bool(whole(operator, "allowzero", 0))
    return [b.reshape(x, reshaped(x.shape, given, zeros))]


def read_flatten(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value with two axes."""
    x = value_of(inputs[0], "the input")
    return [b.reshape(x, flattened(x.shape, whole(operator, "axis", 1)))]


def read_squeeze(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value without axes of size 1."""
    x = value_of(inputs[0], "the input")
    axes = optional(inputs[1], "the axes") if len(inputs) > 1 else None
    return [b.reshape(x, squeezed(x.shape, axes_of(operator, [None, axes])))]


def read_unsqueeze(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value with further axes of size 1."""
    x = value_of(inputs[0], "the input")
    axes = optional(inputs[1], "the axes") if len(inputs) > 1 else None
    return [b.reshape(x, unsqueezed(x.shape, axes_of(operator, [None, axes]) or ()))]


def read_transpose(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value with its axes in another order."""
    x = value_of(inputs[0], "the input")
    order = operator.attributes.get("perm") or list(range(len(x.shape)))[::-1]
    if sorted(order) != list(range(len(x.shape))):
        raise Refused(f"attribute perm={order} of a tensor with {len(x.shape)} axes")
    return [b.permuted(x, order)]


def read_depth_to_space(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Spread channels over pixels."""
    x, k, mode = _blocks(operator, inputs)
    N, C, H, W = x.shape
    inner = C // (k * k)
    if mode == "CRD":
        y = b.permuted(b.reshape(x, (N, inner, k, k, H, W)), (0, 1, 4, 2, 5, 3))
    else:
        y = b.permuted(b.reshape(x, (N, k, k, inner, H, W)), (0, 3, 4, 1, 5, 2))
    return [b.reshape(y, (N, inner, H * k, W * k))]


def read_space_to_depth(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Gather the pixels of blocks in channels."""
    x, k, mode = _blocks(operator, inputs)
    N, C, H, W = x.shape
    order = (0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4)
    y = b.permuted(b.reshape(x, (N, C, H // k, k, W // k, k)), order)
    return [b.reshape(y, (N, C * k * k, H // k, W // k))]


def _blocks(operator: Operator, inputs: Sequence[Given]) -> tuple[Value, int, str]:
    x, k = value_of(inputs[0], "the image"), whole(operator, "blocksize", 0)
    mode = operator.attributes.get("mode", "DCR")
    if len(x.shape) != 4 or k < 1 or mode not in ("DCR", "CRD"):
        raise Refused(f"blocksize={k}, mode={mode!r} for a tensor of shape {x.shape}")
    divided = (
        (x.shape[1] % (k * k),)
        if operator.kind == "DepthToSpace"
        else (
            x.shape[2] % k,
            x.shape[3] % k,
        )
    )
    if any(divided):
        raise Refused(f"blocksize={k}, which does not divide {x.shape}")
    return x, k, mode


READERS = {
    "Reshape": Reader(read_reshape, "allowzero shape"),
    "Flatten": Reader(read_flatten, "axis"),
    "Squeeze": Reader(read_squeeze, "axes"),
    "Unsqueeze": Reader(read_unsqueeze, "axes"),
    "Transpose": Reader(read_transpose, "perm"),
    "DepthToSpace": Reader(read_depth_to_space, "blocksize mode"),
    "SpaceToDepth": Reader(read_space_to_depth, "blocksize mode"),
}
