"""Where a sliding window lies: the geometry that convolution, pooling and im2col share."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import index
from typing import Any, Literal

from clearconv.arrays import fits
from clearconv.errors import ShapeError
from clearconv.ops.geometry.cached import cached

Pair = tuple[int, int]
#: An int for both axes, or (rows, columns).
IntOrPair = int | tuple[int, int]
#: An int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid".
Padding = int | tuple[int, int] | tuple[Pair, Pair] | Literal["same", "valid"]

_MOST_PIXELS = 2**40  # so that no size that a kernel computes overflows


@dataclass(frozen=True)
class Window:
    """Size, stride, dilation, padding of a window, and the output size they give.

    Computed once, and kept for later calls with the same settings. Along each axis, with
    ``reach = dilation * (kernel - 1) + 1``, ``output = floor((input + before + after - reach) /
    stride) + 1``; `ceil_mode` rounds up, so that a window may hang over the end, and then drops a
    last window that would start beyond the input and its leading padding. ``"same"`` pads so that
    ``output = ceil(input / stride)``, the odd zero at the bottom and right.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """

    input: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: tuple[Pair, Pair]
    output: Pair

    @classmethod
    def of(
        cls,
        what: str,
        input: Pair,
        kernel: IntOrPair,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        ceil_mode: bool = False,
    ) -> "Window":
        """Check the settings, resolve the padding, and compute the output size.

        `what` names the operation or layer in error messages.
        """
        kernel = pair(what, "kernel_size", kernel, least=1)
        stride = pair(what, "stride", stride, least=1)
        dilation = pair(what, "dilation", dilation, least=1)
        size = index(input[0]), index(input[1])
        sides = _sides(what, padding, size, kernel, stride, dilation)
        return _fit(what, size, kernel, stride, dilation, sides, bool(ceil_mode))

    @cached
    def numbers(self) -> tuple[int, ...]:
        """Everything in one flat tuple, rows before columns, as the compiled kernels read it."""
        (top, bottom), (left, right) = self.padding
        sides = top, left, bottom, right
        return (*self.input, *self.kernel, *self.stride, *self.dilation, *sides, *self.output)

    @property
    def reach(self) -> Pair:
        """Rows and columns that one window spans, holes included."""
        (KH, KW), (dh, dw) = self.kernel, self.dilation
        return dh * (KH - 1) + 1, dw * (KW - 1) + 1

    @property
    def padded(self) -> Pair:
        """Height and width of the padded input that all windows together touch.

        Never less than input plus padding; more where `ceil_mode` lets a window hang over.
        """
        sizes = []
        for axis in (0, 1):
            before, after = self.padding[axis]
            end = (self.output[axis] - 1) * self.stride[axis] + self.reach[axis]
            sizes.append(max(self.input[axis] + before + after, end))
        return sizes[0], sizes[1]

    def taps(self, p: int, q: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield (i, j, row, column): the kernel elements whose input pixel is inside the image."""
        columns = self.along(1, q)
        for i, row in self.along(0, p):
            for j, col in columns:
                yield i, j, row, col

    def along(self, axis: int, p: int) -> list[Pair]:
        """Pair kernel elements with the rows (axis 0) or columns (1) inside the image."""
        start = p * self.stride[axis] - self.padding[axis][0]
        places = [start + i * self.dilation[axis] for i in range(self.kernel[axis])]
        return [(i, place) for i, place in enumerate(places) if 0 <= place < self.input[axis]]


@lru_cache(maxsize=1024)
def _fit(
    what: str,
    input: Pair,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    sides: tuple[Pair, Pair],
    ceil_mode: bool,
) -> Window:
    """Compute the output size from checked settings."""
    output = [0, 0]
    height, width = (input[axis] + sum(sides[axis]) for axis in (0, 1))
    if max(height * width, stride[0] * stride[1], max(dilation)) > _MOST_PIXELS:
        raise ShapeError(
            f"{what}: with padding the image has {height} x {width} pixels (stride {stride}, "
            f"dilation {dilation}), but only sizes up to 2**40 can be counted. Is one of these "
            "numbers a mistake?"
        )
    fits(what, "the padded image", (height, width), itemsize=4)
    for axis, name in enumerate(("height", "width")):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        before, after = sides[axis]
        free = input[axis] + before + after - reach
        hangs_over = ceil_mode and free > -stride[axis]
        if input[axis] < 1 or (free < 0 and not hangs_over):
            raise ShapeError(
                f"{what}: the input's {name} is {input[axis]}, with padding "
                f"{input[axis] + before + after}, but the window spans {reach} (kernel "
                f"{kernel[axis]}, dilation {dilation[axis]}). Use a larger image, more "
                "padding, or fewer or smaller layers before this one."
            )
        steps = -(-free // stride[axis]) if ceil_mode else free // stride[axis]
        if ceil_mode and steps * stride[axis] >= input[axis] + before:
            steps -= 1
        output[axis] = steps + 1
    # a step beyond the image is never taken; limited, so that no kernel makes room for it
    rows = min(stride[0], max(height, dilation[0] * (kernel[0] - 1) + 1))
    cols = min(stride[1], max(width, dilation[1] * (kernel[1] - 1) + 1))
    return Window(input, kernel, (rows, cols), dilation, sides, (output[0], output[1]))


def pair(what: str, name: str, value: IntOrPair, least: int) -> Pair:
    """Turn an int or a pair into a checked pair."""
    both: Any = (value, value) if _is_int(value) else value
    if isinstance(both, (tuple, list)) and len(both) == 2:
        rows, cols = both
        if _is_int(rows) and _is_int(cols) and rows >= least and cols >= least:
            return int(rows), int(cols)
    raise ShapeError(
        f"{what}: {name}={value!r}, but it must be an integer of at least {least} or a pair "
        f"(rows, columns) of such integers."
    )


def _is_int(value: object) -> bool:
    return type(value) is int or (hasattr(value, "__index__") and not isinstance(value, bool))


def _sides(
    what: str, padding: Padding, input: Pair, kernel: Pair, stride: Pair, dilation: Pair
) -> tuple[Pair, Pair]:
    """Resolve every form of padding into ((top, bottom), (left, right))."""
    if type(padding) is int and padding >= 0:  # almost always
        return (padding, padding), (padding, padding)
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        sides = []
        for axis in (0, 1):
            outputs = -(-input[axis] // stride[axis])
            end = (outputs - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
            total = max(end - input[axis], 0)
            sides.append((total // 2, total - total // 2))
        return sides[0], sides[1]
    given: Any = padding
    try:
        rows, cols = (given, given) if _is_int(given) else given
        top, bottom = (rows, rows) if _is_int(rows) else rows
        left, right = (cols, cols) if _is_int(cols) else cols
        if not all(_is_int(side) and side >= 0 for side in (top, bottom, left, right)):
            raise ValueError(padding)
    except (TypeError, ValueError):
        raise ShapeError(
            f"{what}: padding={padding!r}, but it must be an integer of at least 0, a pair (rows, "
            "columns), ((top, bottom), (left, right)), 'same' or 'valid'."
        ) from None
    return (int(top), int(bottom)), (int(left), int(right))
