"""Small arrays as grids of numbers, side by side."""

from collections.abc import Sequence

import numpy as np

from clearconv.doctor.layout import Array

_WIDTH = 76
_GAP = "   "


def blocks(titled: Sequence[tuple[str, Array]]) -> list[str]:
    """Return the lines that show several arrays beside each other, as far as the width allows.

    Parameters
    ----------
    titled : sequence of (str, ndarray)
        Heading of each, and the array; those of more than two axes are shown map by map.
    """
    lines: list[str] = []
    row: list[list[str]] = []
    for title, array in titled:
        for block in _maps(title, array):
            if row and sum(len(one[0]) + len(_GAP) for one in row) + len(block[0]) > _WIDTH:
                lines += _beside(row)
                row = []
            row.append(block)
    return lines + _beside(row)


def pairs(left: tuple[str, Array], right: tuple[str, Array]) -> list[str]:
    """Return the lines that show two arrays, each map of one beside that of the other."""
    ours, theirs = _maps(*left), _maps(*right)
    if len(ours) != len(theirs):
        return blocks([left, right])
    lines: list[str] = []
    for one, other in zip(ours, theirs, strict=True):
        lines += _beside([one, other])
    return lines


def number(value: float) -> str:
    """Write a number as short as possible."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = f"{value:.4g}"
    return "0" if text == "-0" else text


def _maps(title: str, array: Array) -> list[list[str]]:
    """Return one block of lines for each map of an array."""
    if array.ndim <= 2:
        return [_block(title, np.atleast_2d(array))]
    lead = array.shape[:-2]
    found = []
    for at in np.ndindex(lead):
        place = f"[{', '.join(map(str, at))}]" if np.prod(lead) > 1 else ""
        found.append(_block(f"{title}{place}", array[at]))
    return found


def _block(title: str, grid: Array) -> list[str]:
    cells = [[number(float(value)) for value in line] for line in grid]
    width = max((len(cell) for line in cells for cell in line), default=0)
    rows = ["  ".join(cell.rjust(width) for cell in line) for line in cells]
    size = max(map(len, [title, *rows]))
    return [line.ljust(size) for line in [title, *rows]]


def _beside(row: Sequence[list[str]]) -> list[str]:
    if not row:
        return []
    height = max(map(len, row))
    padded = [block + [" " * len(block[0])] * (height - len(block)) for block in row]
    return [_GAP.join(parts).rstrip() for parts in zip(*padded, strict=True)]
