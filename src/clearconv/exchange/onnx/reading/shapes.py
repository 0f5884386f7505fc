"""Attributes of operators that cut and reorder, which over time have moved to their inputs."""

from collections.abc import Sequence
from math import prod

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator

Given = Sequence[AnyArray | None]


def axes_of(operator: Operator, inputs: Given, place: int = 1) -> list[int] | None:
    """Return the axes of a reduction, Squeeze or Unsqueeze; None where all, or none, are meant."""
    axes = inputs[place] if len(inputs) > place else None
    given = operator.attributes.get("axes") if axes is None else axes.reshape(-1).tolist()
    return None if not given else [int(axis) for axis in given]


def normal(axis: int, ndim: int) -> int:
    """Return an axis counted from the front."""
    if not -ndim <= axis < ndim:
        raise ModelFileError(f"axis {axis} of a tensor with {ndim} axes")
    return axis % ndim


def reshaped(
    shape: tuple[int, ...], given: Sequence[int] | None, allow_zero: bool = False
) -> tuple[int, ...]:
    """Return the shape that Reshape gives: 0 keeps a size, -1 takes what is left.

    Raises
    ------
    ModelFileError
        If the numbers do not fit.
    """
    if given is None:
        raise ModelFileError("Reshape without a shape")
    if any(
        size == 0 and not allow_zero and place >= len(shape) for place, size in enumerate(given)
    ):
        raise ModelFileError(f"Reshape of {shape} to {list(given)}")
    sizes = [
        shape[place] if size == 0 and not allow_zero else int(size)
        for place, size in enumerate(given)
    ]
    if sizes.count(-1) == 1:
        known = prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = prod(shape) // known if known else 0
    if min(sizes, default=0) < 0 or prod(sizes) != prod(shape):
        raise ModelFileError(f"Reshape of {shape} to {list(given)}")
    return tuple(sizes)


def flattened(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return the two sizes that Flatten gives."""
    if not -len(shape) <= axis <= len(shape):
        raise ModelFileError(f"Flatten of {shape} at axis {axis}")
    axis = axis + len(shape) if axis < 0 else axis
    return prod(shape[:axis]), prod(shape[axis:])


def squeezed(shape: tuple[int, ...], axes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape without these axes, whose size is 1; by default without all such axes."""
    if axes is None:
        return tuple(size for size in shape if size != 1)
    gone = {normal(axis, len(shape)) for axis in axes}
    if any(shape[axis] != 1 for axis in gone):
        raise ModelFileError(f"Squeeze of {shape} at axes {list(axes)}")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def unsqueezed(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape with an axis of size 1 at each of these places of the result."""
    ndim = len(shape) + len(axes)
    new = {normal(axis, ndim) for axis in axes}
    if len(new) < len(axes):
        raise ModelFileError(f"Unsqueeze of {shape} at axes {list(axes)}")
    rest = iter(shape)
    return tuple(1 if axis in new else next(rest) for axis in range(ndim))


def slices_of(operator: Operator, inputs: Given, ndim: int) -> tuple[slice, ...]:
    """Return what Slice takes along each axis."""
    attributes = operator.attributes
    names = ("starts", "ends", "axes", "steps")
    starts, ends, axes, steps = (
        attributes.get(name)
        if place >= len(inputs) or (one := inputs[place]) is None
        else one.reshape(-1).tolist()
        for place, name in enumerate(names, 1)
    )
    if starts is None or ends is None or len(starts) != len(ends):
        raise ModelFileError("Slice without as many starts as ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    taken = [slice(None)] * ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0:
            raise ModelFileError("Slice with step 0")
        # far below 0 means "to the front", which Python writes None when it goes backwards
        stop = None if step < 0 and end < -(2**31) + 2 else end
        taken[normal(axis, ndim)] = slice(start, stop, step)
    return tuple(taken)


def exact_slices(slices: Sequence[slice], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return slices with the starts, ends and steps that they have in this shape."""
    found = []
    for one, size in zip(slices, shape, strict=True):
        start, stop, step = one.indices(size)
        found.append(slice(start, None if stop < 0 else stop, step))
    return tuple(found)


def split_sizes(operator: Operator, inputs: Given, size: int) -> list[int]:
    """Return the sizes of the parts into which Split cuts an axis."""
    parts = len(operator.outputs)
    given = inputs[1] if len(inputs) > 1 else None
    sizes = operator.attributes.get("split") if given is None else given.tolist()
    if sizes is None:
        number = operator.attributes.get("num_outputs", parts)
        if number != parts or parts == 0:
            raise ModelFileError(f"Split into {number} parts with {parts} names")
        each = -(-size // parts)
        sizes = [each] * (parts - 1) + [size - each * (parts - 1)]
    if len(sizes) != parts or sum(sizes) != size or min(sizes, default=0) < 0:
        raise ModelFileError(f"Split of {size} into {sizes}")
    return [int(one) for one in sizes]
