"""Small arrays and their containers as text; and whether two results are equal."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import product
from typing import Any

import numpy as np


def described(name: str, value: Any) -> Iterator[str]:
    """Yield the lines that show one argument or result.

    Parameters
    ----------
    name : str
        Name to show.
    value : array, dataclass, tuple or plain value
        Arrays are shown as one grid per image and channel.
    """
    if isinstance(value, np.ndarray):
        yield from _array(name, value)
    elif is_dataclass(value) and _holds_arrays(value):
        yield f"{name}: {type(value).__name__}"
        for field in fields(value):
            for line in described(field.name, getattr(value, field.name)):
                yield f"  {line}"
    elif isinstance(value, tuple | list) and any(map(_holds_arrays, value)):
        for number, part in enumerate(value):
            yield from described(f"{name}[{number}]", part)
    elif isinstance(value, dict) and any(map(_holds_arrays, value.values())):
        for key, part in value.items():
            yield from described(f"{name}[{key!r}]", part)
    else:
        yield f"{name} = {value!r}"


def difference(first: Any, second: Any) -> float:
    """Return the largest difference between two results of the same form; inf if they differ."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape:
            return float("inf")
        if np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
            return 0.0
        return float(np.max(np.abs(first.astype(float) - second.astype(float))))
    if isinstance(first, tuple | list) and isinstance(second, tuple | list):
        pairs = list(zip(first, second, strict=len(first) == len(second)))
        return max((difference(a, b) for a, b in pairs), default=0.0)
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return max((difference(first[key], second[key]) for key in first), default=0.0)
    if is_dataclass(first) and type(first) is type(second):
        names = [field.name for field in fields(first)]
        return max((difference(getattr(first, n), getattr(second, n)) for n in names), default=0.0)
    if isinstance(first, float | np.floating) and isinstance(second, float | np.floating):
        return abs(float(first) - float(second))
    return 0.0 if first == second else float("inf")


def _holds_arrays(value: Any) -> bool:
    if is_dataclass(value):
        return any(_holds_arrays(getattr(value, field.name)) for field in fields(value))
    return isinstance(value, np.ndarray)


def _array(name: str, array: np.ndarray[Any, Any]) -> Iterator[str]:
    """Show an array as grids of its last two axes, each under its index."""
    if array.ndim == 0:
        yield f"{name} = {array.item():g}"
        return
    yield f"{name}, shape {array.shape}:"
    if array.size == 0:
        yield "  (empty)"
        return
    cells = np.array([f"{number:g}" for number in array.ravel().tolist()]).reshape(array.shape)
    size = max(map(len, cells.ravel()))
    outer = cells.shape[:-2]
    for index in product(*map(range, outer)):
        if np.prod(outer, dtype=int) > 1:
            yield f"  {name}[{', '.join(map(str, index))}]"
        for row in np.atleast_2d(cells[index]):
            yield "  " + "  ".join(str(cell).rjust(size) for cell in row)
