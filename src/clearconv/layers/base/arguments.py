"""Checks that layers make on their arguments at construction."""

from numbers import Real
from operator import index
from typing import Any, NoReturn

from clearconv.errors import ArgumentError
from clearconv.ops.geometry.window import IntOrPair, Padding, Window, pair


def count(what: str, name: str, value: int) -> int:
    """Return a whole number of at least 1 as an int."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or index(value) < 1:
        raise ArgumentError(f"{what}: {name}={value!r}, but it must be an integer of at least 1.")
    return index(value)


def is_number(value: object) -> bool:
    """Return whether a value is a real number, not True, None or text."""
    return isinstance(value, Real) and not isinstance(value, bool)


def by_position(kind: str, positional: tuple[Any, ...], why: str) -> NoReturn:
    """Raise for arguments given by position to a layer that takes none."""
    raise ArgumentError(
        f"{kind}({', '.join(map(repr, positional))}): nothing comes by position. {why} "
        f"Write {kind}()."
    )


def check_window(
    what: str,
    kernel_size: IntOrPair,
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
) -> None:
    """Raise at once for a window that would be wrong over any image."""
    kernel = pair(what, "kernel_size", kernel_size, least=1)
    dilation = pair(what, "dilation", dilation, least=1)
    least = dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1
    Window.of(what, least, kernel, stride, padding, dilation)
