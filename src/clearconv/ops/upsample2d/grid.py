"""Where the outputs of an up-sampling lie among the inputs."""

from dataclasses import dataclass
from functools import lru_cache
from math import floor
from numbers import Real
from sys import float_info
from typing import Any

from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.geometry.cached import cached
from clearconv.ops.geometry.window import IntOrPair, Pair, pair

#: An int for both axes, or (rows, columns).
Size = IntOrPair
#: A number for both axes, or (rows, columns).
Scale = float | tuple[float, float]

MODES = ("nearest", "bilinear")
_MOST = 2**31  # rows or columns, so that no size that a kernel computes overflows


@dataclass(frozen=True)
class Grid:
    """The places of the outputs along both axes.

    Output u lies at ``(u + shift) * step[0] / step[1] - shift`` of its axis, not before 0 nor
    after the last input. It is a fraction, so that whole places are exact.
    """

    input: Pair
    output: Pair
    step: tuple[tuple[float, float], tuple[float, float]]
    shift: float  # of a pixel's centre: 1/2 where images, 0 where centres lie on each other
    linear: bool

    @classmethod
    def of(
        cls,
        what: str,
        input: tuple[int, ...],
        size: Size | None,
        scale_factor: Scale | None,
        mode: str,
        align_corners: bool,
    ) -> "Grid":
        """Check the settings; `what` names the operation or layer in error messages."""
        if min(input) < 1:
            raise ShapeError(
                f"{what}: the map is {input[0]} x {input[1]}, without a pixel to draw larger. Use "
                "a larger image, or fewer layers that shrink it."
            )
        how = check(what, size, scale_factor, mode, align_corners)
        return _grid(what, (input[0], input[1]), *how)

    @cached
    def numbers(self) -> tuple[float, ...]:
        """Everything in one flat tuple, rows before columns, as the compiled kernels read it."""
        steps = (*self.step[0], *self.step[1])
        return (*self.input, *self.output, *steps, self.shift, float(self.linear))

    def place(self, axis: int, u: int) -> float:
        """Return where output `u` lies among the inputs of an axis."""
        over, under = self.step[axis]
        place = (u + self.shift) * over / under - self.shift
        return min(max(place, 0.0), self.input[axis] - 1.0)

    def parts(self, axis: int, u: int) -> list[tuple[int, float]]:
        """List the inputs that output `u` is made of, each with its weight."""
        place = self.place(axis, u)
        low = floor(place)
        beyond = place - low if self.linear else 0.0
        return [(low, 1.0 - beyond)] + ([(low + 1, beyond)] if beyond > 0 else [])


def check(
    what: str, size: Size | None, scale_factor: Scale | None, mode: str, align_corners: bool
) -> tuple[Pair | None, tuple[float, float] | None, bool, bool]:
    """Return size, scale, whether it is linear, and whether corners are aligned; checked."""
    if mode not in MODES:
        raise ArgumentError(f"{what}: mode={mode!r}, but it must be 'nearest' or 'bilinear'.")
    if align_corners and mode == "nearest":
        raise ArgumentError(
            f"{what}: align_corners=True with mode='nearest', but only 'bilinear' has corners to "
            "align. Leave align_corners out, or choose mode='bilinear'."
        )
    if (size is None) == (scale_factor is None):
        given = "neither" if size is None else f"size={size!r} and scale_factor={scale_factor!r}"
        raise ArgumentError(
            f"{what}: {given} given, but one of size and scale_factor is needed, such as "
            "scale_factor=2."
        )
    linear, corners = mode == "bilinear", bool(align_corners)
    if size is not None:
        return pair(what, "size", size, least=1), None, linear, corners
    factor: Any = scale_factor
    both = factor if isinstance(factor, (tuple, list)) else (factor, factor)
    if len(both) != 2 or not all(map(_is_scale, both)):
        raise ShapeError(
            f"{what}: scale_factor={scale_factor!r}, but it must be a number above 0 or a pair "
            "(rows, columns) of such numbers."
        )
    return None, (float(both[0]), float(both[1])), linear, corners


def _is_scale(value: Any) -> bool:
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and 0 < value <= float_info.max


@lru_cache(maxsize=1024)
def _grid(
    what: str,
    input: Pair,
    size: Pair | None,
    scale: tuple[float, float] | None,
    linear: bool,
    corners: bool,
) -> Grid:
    """Compute the places from checked settings."""
    output, step = [0, 0], [(0.0, 1.0), (0.0, 1.0)]
    for axis in (0, 1):
        inputs = input[axis]
        outputs = output[axis] = floor(inputs * scale[axis]) if scale else size[axis] if size else 0
        if outputs < 1:
            raise ShapeError(
                f"{what}: scale_factor={scale} leaves nothing of a map of {input[0]} x {input[1]}. "
                "Use a larger scale, or a larger image."
            )
        if outputs > _MOST:
            raise ShapeError(
                f"{what}: {outputs} {('rows', 'columns')[axis]} are asked for, but only sizes up "
                "to 2**31 can be counted. Is the scale or size a mistake?"
            )
        if corners:
            step[axis] = (inputs - 1.0, max(outputs - 1.0, 1.0))
        else:
            step[axis] = (1.0, scale[axis]) if scale else (float(inputs), float(outputs))
    shift = 0.5 if linear and not corners else 0.0
    return Grid(input, (output[0], output[1]), (step[0], step[1]), shift, linear)
