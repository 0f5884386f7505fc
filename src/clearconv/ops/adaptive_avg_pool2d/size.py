"""Sizes in adaptive pooling: of the output, and of the cells that divide the input."""

from typing import Any

from clearconv.errors import ShapeError
from clearconv.ops.geometry.window import Pair, pair

#: An int for both axes, or (rows, columns); None keeps the input's.
Size = int | tuple[int | None, int | None] | None


def pair_of(what: str, output_size: Size, input: tuple[int, ...]) -> Pair:
    """Return OH and OW; `input` is H and W, `what` names the operation or layer."""
    if min(input) < 1:
        raise ShapeError(
            f"{what}: the map is {input[0]} x {input[1]}, but a mean needs at least one pixel. "
            "Use a larger image, or fewer layers that shrink it."
        )
    given: Any = output_size
    if given is None or given == (None, None):
        return input[0], input[1]
    if isinstance(given, (tuple, list)) and len(given) == 2:
        given = tuple(own if one is None else one for one, own in zip(given, input, strict=True))
    try:
        return pair(what, "output_size", given, least=1)
    except ShapeError:
        raise ShapeError(
            f"{what}: output_size={output_size!r}, but it must be an integer of at least 1 or a "
            "pair (rows, columns) of such integers, where None keeps the input's size."
        ) from None


def cell(output: int, inputs: int, outputs: int) -> range:
    """Return the inputs of one output along one axis: from floor(...) up to ceil(...)."""
    return range(output * inputs // outputs, -(-(output + 1) * inputs // outputs))
