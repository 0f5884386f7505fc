"""The geometries on which a mistake about windows cannot hide, and how limits narrow them.

As many numbers as possible are unequal, so that code which confuses two of them gives a wrong shape
or wrong numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clearconv.doctor.kinds._kind import Limits
from clearconv.doctor.kinds._windows import Pair, leftover, output_size, reach

_GROWTH = 24  # rows or columns at most


@dataclass(frozen=True)
class Geometry:
    """Sizes of one case; pairs are (rows, columns).

    Attributes
    ----------
    name : str
        What is special about it.
    N, C, O : int
        Images, input channels, output channels.
    image, kernel, stride, padding, dilation : (int, int)
        Settings, as in the library.
    """

    name: str
    N: int
    C: int
    O: int
    image: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def options(self) -> dict[str, Any]:
        """Return the window settings of a case."""
        names = ("kernel", "stride", "padding", "dilation")
        return {name: getattr(self, name) for name in names}

    def output(self) -> Pair:
        """Return the rows and columns of the output."""
        return output_size(self.image, self.options())


def narrow(
    geometries: Sequence[Geometry], limits: Limits, padding_share: int = 1
) -> list[Geometry]:
    """Return the geometries adapted to the limits, each once.

    Padding is less than the kernel: a program that turns the kernel and slides it over the error
    terms pads these by the difference. For pooling, where every window must touch the image, it is
    at most the kernel divided by `padding_share`, 2.
    """
    names: dict[Geometry, str] = {}
    for geometry in geometries:
        names.setdefault(replace(_fit(geometry, limits, padding_share), name=""), geometry.name)
    return [replace(geometry, name=name) for geometry, name in names.items()]


def _fit(geometry: Geometry, limits: Limits, padding_share: int) -> Geometry:
    """Change what the limits forbid, and enlarge the image if windows no longer fit."""
    fixed = limits.fixed
    kernel = both(fixed.get("kernel", geometry.kernel))
    if limits.square_kernel:
        kernel = kernel[0], kernel[0]
    stride = fixed.get("stride", geometry.stride)
    stride = kernel if stride == "kernel" else both(stride)
    if limits.one_stride:
        stride = stride[0], stride[0]
    padding = both(fixed.get("padding", geometry.padding))
    if limits.one_padding:
        padding = padding[0], padding[0]
    if "padding" not in fixed:
        most = [size // padding_share if padding_share > 1 else size - 1 for size in kernel]
        most = [min(most)] * 2 if limits.one_padding else most
        padding = min(padding[0], most[0]), min(padding[1], most[1])
    dilation = both(fixed.get("dilation", geometry.dilation))
    if limits.one_dilation:
        dilation = dilation[0], dilation[0]
    H, W = geometry.image
    fitted = replace(
        geometry,
        N=geometry.N if limits.batch else 1,
        C=geometry.C if limits.channels else 1,
        O=(geometry.C if limits.same_channels else geometry.O) if limits.channels else 1,
        image=(W, W) if limits.square_image else (H, W),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    for _ in range(_GROWTH):  # unequal windows may never fit a square image exactly
        if not any(short := _short(fitted, limits)):
            break
        grow = (1, 1) if limits.square_image else short
        fitted = replace(fitted, image=(fitted.image[0] + grow[0], fitted.image[1] + grow[1]))
    return fitted


def _short(geometry: Geometry, limits: Limits) -> Pair:
    """Return the axes along which windows do not fit the image, or not exactly if they must."""
    span, left = reach(geometry.options()), leftover(geometry.image, geometry.options())
    rows, cols = (
        size + 2 * side < reached or (rest > 0 and not limits.leftover)
        for size, side, reached, rest in zip(
            geometry.image, geometry.padding, span, left, strict=True
        )
    )
    return int(rows), int(cols)


def both(value: Any) -> Pair:
    """Return a pair for one number or two."""
    rows, cols = value if isinstance(value, (tuple, list)) else (value, value)
    return int(rows), int(cols)
