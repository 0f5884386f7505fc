"""Constants made, joined, cut and reordered."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator
from clearconv.exchange.onnx.reading.shapes import (
    axes_of,
    flattened,
    reshaped,
    slices_of,
    split_sizes,
    squeezed,
    unsqueezed,
)

Given = Sequence[AnyArray | None]


def _constant(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    attributes = operator.attributes
    for name, dtype in (
        ("value", None),
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if name in attributes and attributes[name] is not ...:
            return [np.asarray(attributes[name], dtype)]
    raise ModelFileError(f"Constant with {', '.join(attributes) or 'no value'}")


def _constant_of_shape(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (sizes,) = inputs
    assert sizes is not None
    value = operator.attributes.get("value", np.zeros(1, np.float32))
    # one number, seen in that shape: it takes no memory
    return [np.broadcast_to(value.reshape(-1)[0], sizes.tolist())]


def _shape(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (x,) = inputs
    assert x is not None
    return [shape_slice(operator, x.shape)]


def shape_slice(operator: Operator, shape: tuple[int, ...]) -> AnyArray:
    """Return what a Shape operator gives for a tensor of this shape."""
    start, end = operator.attributes.get("start", 0), operator.attributes.get("end")
    return np.array(shape[start:end], np.int64)


def _size(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (x,) = inputs
    assert x is not None
    return [np.array(x.size, np.int64)]


def _range(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    start, limit, delta = inputs
    assert start is not None
    return [np.arange(*(one.item() for one in inputs if one is not None)).astype(start.dtype)]


def _reshape(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, sizes = (*inputs, None)[:2]
    assert x is not None
    given = operator.attributes.get("shape") if sizes is None else sizes.tolist()
    shape = reshaped(x.shape, given, bool(operator.attributes.get("allowzero", 0)))
    return [x.reshape(shape)]


def _flatten(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (x,) = inputs
    assert x is not None
    return [x.reshape(flattened(x.shape, operator.attributes.get("axis", 1)))]


def _transpose(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (x,) = inputs
    assert x is not None
    return [x.transpose(operator.attributes.get("perm"))]


def _squeeze(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x = inputs[0]
    assert x is not None
    return [x.reshape(squeezed(x.shape, axes_of(operator, inputs)))]


def _unsqueeze(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x = inputs[0]
    assert x is not None
    return [x.reshape(unsqueezed(x.shape, axes_of(operator, inputs) or ()))]


def _concat(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    given = [one for one in inputs if one is not None]
    return [np.concatenate(given, axis=operator.attributes.get("axis", 1))]


def _split(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x = inputs[0]
    assert x is not None
    axis = operator.attributes.get("axis", 0)
    sizes = split_sizes(operator, inputs, x.shape[axis])
    return np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis)


def _slice(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x = inputs[0]
    assert x is not None
    return [x[slices_of(operator, inputs, x.ndim)]]


def _gather(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, indices = inputs
    assert x is not None and indices is not None
    return [np.asarray(np.take(x, indices, axis=operator.attributes.get("axis", 0)))]


def _expand(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, sizes = inputs
    assert x is not None and sizes is not None
    shape = np.broadcast_shapes(x.shape, tuple(sizes.tolist()))
    return [np.broadcast_to(x, shape)]


def _tile(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    x, repeats = inputs
    assert x is not None and repeats is not None
    return [np.tile(x, repeats.tolist())]


def _identity(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    return [one for one in inputs[:1] if one is not None]


def _reduction(
    function: Callable[..., Any],
) -> Callable[[Operator, Given, int], list[AnyArray]]:
    """Return the fold of a reduction."""

    def fold(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
        x = inputs[0]
        assert x is not None
        axes = axes_of(operator, inputs)
        if axes is None and operator.attributes.get("noop_with_empty_axes", 0):
            return [x]
        keep = bool(operator.attributes.get("keepdims", 1))
        result = function(x, axis=None if axes is None else tuple(axes), keepdims=keep)
        return [np.asarray(result).astype(x.dtype, copy=False)]

    return fold


def _non_zero(operator: Operator, inputs: Given, opset: int) -> list[AnyArray]:
    (x,) = inputs
    assert x is not None
    return [np.array(np.nonzero(x), np.int64)]


REORDERING = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Shape": _shape,
    "Size": _size,
    "Range": _range,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Expand": _expand,
    "Tile": _tile,
    "Identity": _identity,
    "NonZero": _non_zero,
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "ReduceMean": _reduction(np.mean),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
}
