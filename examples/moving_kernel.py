"""Draw the README's picture: a kernel that finds vertical edges moves over a small image."""

import sys
from html import escape

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ShapeError
from clearconv.ops import conv2d

_CELL = 44
_GAP = 66
_EDGE = 24
_INK, _PALE, _MOVE, _PLUS, _MINUS = "#1f2933", "#9aa5b1", "#d9480f", (15, 98, 172), (176, 58, 46)


def moving_kernel(
    x: Array, weight: Array, stride: int = 1, padding: int = 0, seconds: float = 1.2
) -> str:
    """Draw a convolution of one map with one kernel as an animated SVG.

    Every number shown comes from ``conv2d.forward``; the arithmetic of the current patch is
    shown below. The picture is a plain image file without a script, so it also moves in a README.

    Parameters
    ----------
    x : ndarray of shape (H, W)
        The map; small integers are easiest to read.
    weight : ndarray of shape (KH, KW)
        The kernel.
    stride : int
        Step of the window.
    padding : int
        Zeros around the map.
    seconds : float
        Time that the kernel stays at each position.

    Returns
    -------
    svg : str
        The picture.

    Raises
    ------
    ShapeError
        If `x` or `weight` is not one map, or the kernel does not fit.
    """
    if x.ndim != 2 or weight.ndim != 2:
        raise ShapeError(
            f"moving_kernel: x has shape {x.shape} and weight {weight.shape}, but one map (H, W) "
            "and one kernel (KH, KW) are needed."
        )
    y = conv2d.forward(x, weight[np.newaxis, np.newaxis], stride=stride, padding=padding)[0]
    padded = np.pad(x, padding)
    frames = list(np.ndindex(y.shape))
    length = len(frames) * seconds
    tall = max(padded.shape[0], weight.shape[0], y.shape[0]) * _CELL
    lefts, left = [], _EDGE
    for grid in (padded, weight, y):
        lefts.append(left)
        left += grid.shape[1] * _CELL + _GAP
    width, top = left - _GAP + _EDGE, 56
    height = top + tall + 64
    tops = [top + (tall - grid.shape[0] * _CELL) // 2 for grid in (padded, weight, y)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" '
        'font-family="system-ui, sans-serif" text-anchor="middle">',
        "<title>A kernel moving over an image</title>",
        f"<desc>{escape(_describe(x, weight, y, stride, padding))}</desc>",
        f'<rect width="{width}" height="{height}" rx="12" fill="#ffffff"/>',
    ]
    named = zip(("image", "kernel", "output"), (padded, weight, y), lefts, strict=True)
    for name, grid, x0 in named:
        middle = x0 + grid.shape[1] * _CELL / 2
        parts.append(f'<text x="{middle:g}" y="32" font-size="17" fill="{_INK}">{name}</text>')
    inside = np.pad(np.ones_like(x), padding) > 0
    parts += _grid(padded, lefts[0], tops[0], muted=~inside)
    parts += _grid(weight, lefts[1], tops[1], coloured=True)
    for sign, between in (("×", 0), ("=", 1)):
        grid = (padded, weight)[between]
        at, level = lefts[between] + grid.shape[1] * _CELL + _GAP / 2, top + tall / 2 + 9
        parts.append(f'<text x="{at:g}" y="{level:g}" font-size="26" fill="{_INK}">{sign}</text>')
    parts += _outline(y, lefts[2], tops[2])
    KH, KW = weight.shape
    for number, (p, q) in enumerate(frames):
        patch = padded[p * stride : p * stride + KH, q * stride : q * stride + KW]
        stay = _shown(number, len(frames), length, until_end=True)
        parts.append(
            f"<g>{stay}{''.join(_cell(float(y[p, q]), lefts[2], tops[2], p, q, _peak(y)))}</g>"
        )
        now = _shown(number, len(frames), length, until_end=False)
        parts.append(
            f"<g>{now}"
            + _frame(lefts[0], tops[0], p * stride, q * stride, KH, KW)
            + _frame(lefts[2], tops[2], p, q, 1, 1)
            + f'<text x="{width / 2:g}" y="{height - 22}" font-size="15" fill="{_INK}">'
            + escape(_arithmetic(patch, weight, float(y[p, q])))
            + "</text></g>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _describe(x: Array, weight: Array, y: Array, stride: int, padding: int) -> str:
    return (
        f"A {weight.shape[0]}x{weight.shape[1]} kernel moves over a {x.shape[0]}x{x.shape[1]} "
        f"image with stride {stride} and padding {padding}. At each place the products of kernel "
        f"and patch are summed into one number of the {y.shape[0]}x{y.shape[1]} output."
    )


def _arithmetic(patch: Array, weight: Array, total: float) -> str:
    terms = zip(patch.ravel(), weight.ravel(), strict=True)
    words = [f"{_number(a)}·{_number(b) if b >= 0 else f'({_number(b)})'}" for a, b in terms if b]
    return " + ".join(words) + f" = {_number(total)}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _peak(grid: Array) -> float:
    return max(float(np.max(np.abs(grid))), 1e-9)


def _grid(
    grid: Array, left: int, top: int, muted: Array | None = None, coloured: bool = False
) -> list[str]:
    """Draw cells with their numbers: grey levels for an image, two colours where signs matter."""
    parts = []
    for row, col in np.ndindex(grid.shape):
        if coloured:
            parts += _cell(float(grid[row, col]), left, top, row, col, _peak(grid))
            continue
        faded = muted is not None and bool(muted[row, col])
        share = 0.0 if faded else 0.35 * max(0.0, float(grid[row, col])) / _peak(grid)
        level = round(255 * (1 - share))
        fill = "#f1f3f5" if faded else f"rgb({level},{level},{level})"
        parts += _square(float(grid[row, col]), left, top, row, col, fill, _PALE if faded else _INK)
    return parts


def _cell(value: float, left: int, top: int, row: int, col: int, peak: float) -> list[str]:
    red, green, blue = _PLUS if value > 0 else _MINUS
    share = 0.55 * abs(value) / peak
    mixed = [round(255 + (tone - 255) * share) for tone in (red, green, blue)]
    return _square(value, left, top, row, col, f"rgb({mixed[0]},{mixed[1]},{mixed[2]})", _INK)


def _square(
    value: float, left: int, top: int, row: int, col: int, fill: str, ink: str
) -> list[str]:
    x, y = left + col * _CELL, top + row * _CELL
    return [
        f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{fill}" stroke="{_PALE}"/>',
        f'<text x="{x + _CELL // 2}" y="{y + _CELL // 2 + 6}" font-size="17" fill="{ink}">'
        f"{_number(value)}</text>",
    ]


def _outline(grid: Array, left: int, top: int) -> list[str]:
    return [
        f'<rect x="{left + col * _CELL}" y="{top + row * _CELL}" width="{_CELL}" '
        f'height="{_CELL}" fill="#ffffff" stroke="{_PALE}"/>'
        for row, col in np.ndindex(grid.shape)
    ]


def _frame(left: int, top: int, row: int, col: int, rows: int, cols: int) -> str:
    return (
        f'<rect x="{left + col * _CELL}" y="{top + row * _CELL}" width="{cols * _CELL}" '
        f'height="{rows * _CELL}" fill="none" stroke="{_MOVE}" stroke-width="4" rx="3"/>'
    )


def _shown(number: int, frames: int, length: float, until_end: bool) -> str:
    """Make a group visible during its frame, or from its frame on."""
    start, end = number / frames, 1.0 if until_end else (number + 1) / frames
    values, times = ["visible"], [start]
    if start > 0:
        values, times = ["hidden", *values], [0.0, *times]
    if end < 1:
        values, times = [*values, "hidden"], [*times, end]
    if len(values) == 1:
        return ""
    return (
        f'<animate attributeName="visibility" values="{";".join(values)}" '
        f'keyTimes="{";".join(f"{time:.4f}" for time in times)}" dur="{length:g}s" '
        'calcMode="discrete" repeatCount="indefinite"/>'
    )


if __name__ == "__main__":
    image = np.array(
        [
            [0, 0, 3, 3, 3],
            [0, 0, 3, 3, 3],
            [0, 3, 3, 3, 0],
            [3, 3, 3, 0, 0],
            [3, 3, 0, 0, 0],
        ],
        dtype=float,
    )
    vertical_edges = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=float)

    sys.stdout.write(moving_kernel(image, vertical_edges))
