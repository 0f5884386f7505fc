"""Windows over an image: automatic padding resolved, one axis seen as two, three as two and one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Refused

#: Names of the attributes that a window has.
ATTRIBUTES = "auto_pad dilations kernel_shape pads strides"


@dataclass(frozen=True)
class Window:
    """A window along any number of axes.

    Attributes
    ----------
    kernel, stride, dilation : tuple of int
        Of each axis.
    padding : tuple of (int, int)
        Before and after each axis.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    def along(self, *axes: int) -> "dict[str, Any]":
        """Return the arguments of a layer that looks along two of the axes; -1 for no axis."""
        return {
            "kernel_size": tuple(1 if a < 0 else self.kernel[a] for a in axes),
            "stride": tuple(1 if a < 0 else self.stride[a] for a in axes),
            "dilation": tuple(1 if a < 0 else self.dilation[a] for a in axes),
            "padding": tuple((0, 0) if a < 0 else self.padding[a] for a in axes),
        }


def window_of(
    operator: Operator, sizes: Sequence[int], kernel: Sequence[int] | None = None
) -> Window:
    """Read a window's attributes.

    Parameters
    ----------
    operator : Operator
        A convolution or pooling.
    sizes : sequence of int
        Sizes of the image.
    kernel : sequence of int, optional
        Sizes of the filters, where there are any.

    Raises
    ------
    Refused
        If they do not fit together.
    """
    attributes, axes = operator.attributes, len(sizes)
    given = attributes.get("kernel_shape", kernel)
    if given is None:
        raise Refused("attribute kernel_shape is missing")
    if kernel is not None and list(given) != list(kernel):
        raise Refused(f"kernel_shape={list(given)}, but the filters are {list(kernel)}")
    lists: dict[str, list[int]] = {
        "kernel_shape": list(given),
        "strides": list(attributes.get("strides") or [1] * axes),
        "dilations": list(attributes.get("dilations") or [1] * axes),
        "pads": list(attributes.get("pads") or [0] * (2 * axes)),
    }
    for name, numbers in lists.items():
        wanted = 2 * axes if name == "pads" else axes
        least = 0 if name == "pads" else 1
        if len(numbers) != wanted or min(numbers, default=least) < least:
            raise Refused(f"attribute {name}={numbers} for an image with {axes} axes")
    strides, dilations, pads = lists["strides"], lists["dilations"], lists["pads"]
    padding = list(zip(pads[:axes], pads[axes:], strict=True))
    how = attributes.get("auto_pad", "NOTSET")
    if how in ("SAME_UPPER", "SAME_LOWER"):
        padding = [
            same(size, k, s, d, how == "SAME_UPPER")
            for size, k, s, d in zip(sizes, given, strides, dilations, strict=True)
        ]
    elif how == "VALID":
        padding = [(0, 0)] * axes
    elif how not in ("NOTSET", ""):
        raise Refused(f"attribute auto_pad={how!r}")
    return Window(tuple(given), tuple(strides), tuple(dilations), tuple(padding))


def same(size: int, kernel: int, stride: int, dilation: int, upper: bool) -> tuple[int, int]:
    """Return the padding with which a stride s makes ceil(size / s) of an axis."""
    new = -(-size // stride)
    total = max((new - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    less, more = total // 2, total - total // 2
    return (less, more) if upper else (more, less)
