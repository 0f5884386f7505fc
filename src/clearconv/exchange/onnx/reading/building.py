"""A graph of layers that grows as operators are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Shape
from clearconv.errors import ClearconvError
from clearconv.exchange.onnx.reading.naming import Names
from clearconv.exchange.onnx.reading.plain import AnyArray
from clearconv.exchange.onnx.reading.values import MixedBatch, Refused, Value
from clearconv.layers import Constant, Flatten
from clearconv.layers.base.node import Node
from clearconv.layers.elementary.take import Take
from clearconv.layers.loading import placed
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape

_MOST_NUMBERS = 2**28  # of one layer's output for one image, as in a model file
_MOST_NODES = 4096  # as in a model file


@dataclass(frozen=True)
class Step:
    """One node of the graph: a layer and the names of the nodes that it reads."""

    name: str
    layer: Node
    inputs: tuple[str, ...]


@dataclass
class Building:
    """The graph so far.

    Attributes
    ----------
    batched : bool
        Whether axis 0 of every tensor is the batch axis, which no layer sees. If not, a tensor is
        one item: layers see all of its axes.
    batch : int
        Size of axis 0 in the file, where it is the batch axis.
    opset : int
        Version of the operators.
    room : int
        Numbers left for parameters.
    names : Names
        Names of the nodes.
    steps : list of Step
        Nodes so far.
    weights : dict
        Path -> stored numbers of their parameters and running statistics.
    """

    batched: bool
    batch: int
    opset: int
    room: int
    names: Names
    steps: list[Step] = field(default_factory=list)
    weights: dict[str, AnyArray] = field(default_factory=dict)

    # -- shapes ----------------------------------------------------------------------------------

    def item(self, shape: Sequence[int]) -> Shape:
        """Return the shape of what a layer sees of a tensor."""
        if not self.batched:
            return tuple(shape)
        if not shape or shape[0] != self.batch:
            raise MixedBatch(f"a tensor of shape {tuple(shape)} has no batch axis in front")
        return tuple(shape[1:])

    def axis(self, value: Value, axis: int) -> int:
        """Return which axis a layer sees as ONNX's axis of a tensor."""
        ndim = len(value.shape)
        if not -ndim <= axis < max(ndim, 1):
            raise Refused(f"axis {axis} of a tensor with {ndim} axes")
        axis = axis % ndim - self.batched
        if axis < 0:
            raise MixedBatch("the batch axis is worked on")
        return axis

    # -- growing ---------------------------------------------------------------------------------

    def add(
        self,
        layer: Node,
        *inputs: Value,
        dtype: np.dtype[Any] | None = None,
        name: str | None = None,
        weights: dict[str, AnyArray] | None = None,
    ) -> Value:
        """Add a layer and return its result.

        Parameters
        ----------
        layer : Node
            The layer, unnamed.
        *inputs : Value
            What it reads.
        dtype : dtype, optional
            Dtype of the result in ONNX; by default the first input's.
        name : str, optional
            Path that the layer should have, such as that of its weights.
        weights : dict, optional
            Parameter -> numbers.
        """
        if len(self.steps) >= _MOST_NODES:
            raise Refused(f"more than {_MOST_NODES:,} layers")
        name = self.names.free(name, getattr(layer, "prefix", "layer"))
        items = tuple(value.shape if value.fixed else self.item(value.shape) for value in inputs)
        try:
            shape = placed(layer, items, tuple(value.fixed for value in inputs))
        except ClearconvError as error:
            raise Refused(str(error)) from None
        if prod(shape) > _MOST_NUMBERS:
            raise Refused(f"a result of {prod(shape):,} numbers for one input")
        if min(shape, default=1) < 1:
            raise Refused(f"an empty result, of shape {shape}")
        for key, numbers in (weights or {}).items():
            _check_weight(layer, key, numbers)
            self.room -= numbers.size
            if self.room < 0:
                raise Refused("its weights, with the others', are more than the file may hold")
            self.weights[f"{name}.{key}"] = numbers
        self.steps.append(Step(name, layer, tuple(value.node for value in inputs)))
        fixed = all(value.fixed for value in inputs)
        full = (self.batch, *shape) if self.batched and not fixed else shape
        return Value(name, full, inputs[0].dtype if dtype is None else dtype, fixed)

    def maps(self, value: Value) -> Value:
        """Return a tensor of shape (N, C, ...) as maps of shape (C, H, W), for layers of images.

        One axis of the image becomes the columns of one row; of three or more, the first are joined
        as rows.
        """
        whole = self.without_batch(value)
        C, *sizes = self.item(whole.shape)
        *rows, columns = sizes or [1]
        return self.reshaped_item(whole, (C, prod(rows), columns))

    def unmapped(self, maps: Value, like: Value) -> Value:
        """Return maps with as many axes as the tensor that they came from."""
        C, H, W = self.item(maps.shape)
        shape = (C, W) if len(like.shape) == 3 else (C, H, W)
        return self.with_batch(self.reshaped_item(maps, shape), like)

    def without_batch(self, value: Value) -> Value:
        """Return a tensor without its batch axis, where layers see that."""
        if self.batched:
            return value
        if not value.shape or value.shape[0] != 1:
            raise Refused(f"a batch of {value.shape[:1]} images in one item")
        return self.reshape(value, value.shape[1:])

    def with_batch(self, value: Value, like: Value) -> Value:
        """Undo ``without_batch``."""
        return value if self.batched else self.reshape(value, (1, *value.shape))

    def reshaped_item(self, value: Value, item: Sequence[int]) -> Value:
        """Return a value in another shape, given as layers see it."""
        return self.reshape(value, (self.batch, *item) if self.batched else item)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Return the value in another shape, batch axis included."""
        item = self.item(shape)
        old = self.item(value.shape)
        if item == old:
            return value
        rows = len(old) == 3 and len(item) == 1
        return self.add(Flatten() if rows else Reshape(item), value)

    def permuted(self, value: Value, order: Sequence[int]) -> Value:
        """Return a value with its axes in another order."""
        if self.batched and order[0] != 0:
            raise MixedBatch("the batch axis is moved")
        if list(order) == sorted(order):
            return value
        first = int(self.batched)
        return self.add(Permute(tuple(axis + 1 - first for axis in order[first:])), value)

    def sliced(self, value: Value, slices: Sequence[slice]) -> Value:
        """Return a part of a value, forwards or backwards along each axis."""
        for axis, cut in enumerate(slices):
            size = value.shape[axis]
            places = range(size)[cut]
            if places != range(size):
                value = self.taken(value, axis, list(places))
        return value

    def taken(self, value: Value, axis: int, places: Sequence[int]) -> Value:
        """Return places of an axis, in this order."""
        return self.add(Take(self.axis(value, axis), tuple(places)), value)

    def padded(self, value: Value, sides: Mapping[int, tuple[int, int]], fill: float) -> Value:
        """Return a value with a number around it; axis -> before, after."""
        around = [(0, 0)] * len(self.item(value.shape))
        for axis, side in sides.items():
            around[self.axis(value, axis)] = side
        return self.add(Pad(tuple(around), fill), value)

    def operand(self, array: AnyArray, axes: int, name: str = "") -> Value:
        """Return a constant that is combined with tensors of this number of axes."""
        if not self.batched:
            return self.constant(array, name)
        if array.ndim == axes:
            if array.shape[0] != 1:
                raise MixedBatch("a constant differs from image to image")
            array = array[0]
        elif array.ndim > axes:
            raise MixedBatch("a constant has more axes than the tensor")
        return self.constant(array, name)

    def constant(self, array: AnyArray, name: str = "") -> Value:
        """Return a constant as a value that other layers can read.

        Parameters
        ----------
        array : ndarray
            The numbers, in the shape that a layer sees of a tensor.
        name : str
            Name in the file; a stored tensor is learnt in training.
        """
        stored = bool(name) and name in self.names.stored
        learnt = stored and array.dtype.kind == "f" and array.size > 1
        layer = Constant(array.shape, learnt=learnt)
        named = name.removesuffix(".value") if stored else None
        return self.add(layer, dtype=array.dtype, name=named, weights={"value": array})


def _check_weight(layer: Node, key: str, numbers: AnyArray) -> None:
    """Raise unless stored numbers have the shape that the layer needs."""
    (leaf,) = layer.leaves()
    wanted = leaf.declared[key].shape if key in leaf.declared else leaf.declared_buffers[key].shape
    if numbers.shape != wanted:
        raise Refused(f"its {key} has the shape {numbers.shape}, but {wanted} is needed")
