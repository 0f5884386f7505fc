"""Concat, Split, Slice, Gather, Expand, Tile: tensors joined, cut and repeated."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import exact_slices, normal, slices_of, split_sizes
from clearconv.exchange.onnx.reading.values import (
    Given,
    MixedBatch,
    Refused,
    Value,
    constant_of,
    optional,
    value_of,
)
from clearconv.layers import Join


def read_concat(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return tensors and constants side by side."""
    first = next(one for one in inputs if isinstance(one, Value))
    axis = normal(whole(operator, "axis", 1), len(first.shape))
    place = b.axis(first, axis)
    if len(inputs) == 1:
        return [first]
    values = []
    for one in inputs:
        if one is None or len(one.shape) != len(first.shape):
            raise Refused("tensors with different numbers of axes")
        if isinstance(one, Value):
            values.append(one)
        else:
            if b.batched and len(one) != 1:
                raise MixedBatch("a constant differs from image to image")
            values.append(b.constant(one[0] if b.batched else one))
    return [b.add(Join(place + 1), *values, dtype=first.dtype)]


def read_split(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the parts."""
    x = value_of(inputs[0], "the input")
    given = optional(inputs[1], "the sizes") if len(inputs) > 1 else None
    axis = normal(whole(operator, "axis", 0), len(x.shape))
    sizes = split_sizes(operator, [None, given], x.shape[axis])
    ends = np.cumsum(sizes).tolist()
    parts = []
    for name, start, end in zip(operator.outputs, [0, *ends], ends, strict=False):
        cut = [slice(None)] * len(x.shape)
        cut[axis] = slice(start, end)
        parts.append(b.sliced(x, cut) if name else None)
    return parts


def read_slice(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a part, forwards or backwards."""
    x = value_of(inputs[0], "the input")
    given = [None, *(optional(one, "what is cut out") for one in inputs[1:])]
    return [b.sliced(x, exact_slices(slices_of(operator, given, len(x.shape)), x.shape))]


def read_gather(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the places of an axis that a constant lists."""
    x, indices = value_of(inputs[0], "the input"), constant_of(inputs[1], "the indices")
    axis = normal(whole(operator, "axis", 0), len(x.shape))
    flat = indices.reshape(-1).astype(int)
    size = x.shape[axis]
    if flat.size and not (-size <= flat.min() and flat.max() < size):
        raise Refused(f"an index beyond axis {axis} of {x.shape}")
    y = b.taken(x, axis, (flat % size).tolist())
    return [b.reshape(y, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))]


def read_expand(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value repeated along axes of size 1: a zero of that shape is added."""
    x, sizes = value_of(inputs[0], "the input"), constant_of(inputs[1], "the shape")
    shape = np.broadcast_shapes(x.shape, tuple(sizes.tolist()))
    if shape == x.shape:
        return [x]
    if b.batched:
        b.item(shape)
        shape = (1, *shape[1:])
    zero = np.zeros(shape, np.float32) if np.prod(shape) < 2**26 else None
    if zero is None:
        raise Refused(f"a result of shape {shape}")
    return [combined("Add", (x, zero), operator, b)]


def read_tile(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the value several times, side by side."""
    y, repeats = value_of(inputs[0], "the input"), constant_of(inputs[1], "the repeats")
    if len(repeats) != len(y.shape):
        raise Refused(f"repeats={repeats.tolist()} of a tensor with {len(y.shape)} axes")
    for axis, times in enumerate(repeats.tolist()):
        if times != 1:
            if not 1 <= times <= 2**16:
                raise Refused(f"repeats={repeats.tolist()}")
            y = b.taken(y, axis, list(range(y.shape[axis])) * times)
    return [y]


READERS = {
    "Concat": Reader(read_concat, "axis"),
    "Split": Reader(read_split, "axis num_outputs split"),
    "Slice": Reader(read_slice, "axes ends starts"),
    "Gather": Reader(read_gather, "axis"),
    "Expand": Reader(read_expand),
    "Tile": Reader(read_tile),
}
