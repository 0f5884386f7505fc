"""One pass of a resizing as operators: the lines of pictures along one axis.

The formulas are those of ``docs/pixels.md``: the weights in float64, which are then whole numbers,
so that the sums are exact and a runtime gives the same bytes. Nearly all weights of a line are 0:
the results are taken in blocks of neighbours, and each block is a product with the stretch of
pixels that it sees.
"""

from dataclasses import dataclass

from clearconv.exchange.onnx.operators.base.writer import UINT8
from clearconv.exchange.onnx.writing.pixels.calculation import Calculation

#: Results in a block: more of them share pixels, and multiply more zeros. Measured.
BLOCK = 4

_BITS = 22


@dataclass(frozen=True)
class Line:
    """Names of the numbers that say what becomes of a line, () each.

    Attributes
    ----------
    length : str
        Pixels of the line, int64.
    start, scale : str
        Where the resized part begins, and its pixels per result, float64.
    """

    length: str
    start: str
    scale: str


def resized_along(
    x: str, others: str, line: Line, results: str, count: str | int, to: Calculation
) -> str:
    """Add the resizing of all lines along one axis, and return the name of the result.

    Parameters
    ----------
    x : str
        Pictures (N, C, length, others), uint8.
    others : str
        Number of lines in each, int64.
    line : Line
        The line.
    results : str
        Numbers of the results that are wanted, (count,), int64.
    count : str or int
        How many these are.
    to : Calculation
        Graph that receives the operators.

    Returns
    -------
    str
        Pictures (N, C, count, others), uint8.
    """
    blocks = to.div(to.add(count, BLOCK - 1), BLOCK)
    every = to.op("Range", 0, to.mul(blocks, BLOCK), 1)
    every = to.least(every, to.sub(count, 1))  # the last block is filled with the last result
    wanted = to.shaped(to.op("Gather", results, every), -1, BLOCK, 1)  # (B, BLOCK, 1)

    reach = to.most(line.scale, 1.0)
    centre = to.add(line.start, to.mul(to.add(to.real(wanted), 0.5), line.scale))
    first = to.most(to.op("Floor", to.add(to.sub(centre, reach), 0.5)), 0.0)
    last = to.op("Floor", to.add(to.add(centre, reach), 0.5))
    last = to.least(last, to.real(line.length))

    begin = to.extreme("Min", first, [1])  # (B, 1, 1)
    stretch = to.extreme("Max", to.sub(to.extreme("Max", last, [1]), begin), None)
    place = to.add(begin, to.op("Range", 0.0, stretch, 1.0))  # (B, 1, S)
    away = to.op("Abs", to.mul(to.add(to.sub(place, centre), 0.5), to.div(1.0, reach)))
    share = to.most(to.sub(1.0, away), 0.0)  # (B, BLOCK, S)
    inside = to.op("And", to.op("Not", to.op("Less", place, first)), to.op("Less", place, last))
    share = to.where(inside, share, 0.0)
    partial = to.op("CumSum", share, 2)  # from left to right, as the definition has it
    share = to.div(share, to.part(partial, -1, 2**31, 2))
    weights = to.op("Floor", to.add(to.mul(share, 2.0**_BITS), 0.5))

    seen = to.whole(to.least(place, to.real(to.sub(line.length, 1))))
    pixels = to.op("Gather", x, to.shaped(seen, 0, -1), axis=2)  # (N, C, B, S, others)
    # The definition clips to 255. Weights rounded up would have to exceed 2**22 by 8225 together to
    # reach 255.5, but they grow evenly along a triangle, and by at most about 2048 too much.
    y = to.op("Cast", to.div(_products(weights, pixels, to), _int32(2**_BITS, to)), to=UINT8)
    y = to.op("Reshape", y, to.op("Concat", to.constant([0, 0, -1]), to.row(others), axis=0))
    return to.part(y, 0, count, 2)


def _products(weights: str, pixels: str, to: Calculation) -> str:
    """Return weights (B, BLOCK, S) times pixels (N, C, B, S, others), plus one half, in int32.

    Sums are below 2**31, so that they are exact. The three bytes of the weights are multiplied
    separately, as the operator for bytes demands; it is by far the fastest.
    """
    high = to.op("Floor", to.mul(weights, 2.0**-16))
    rest = to.sub(weights, to.mul(high, 2.0**16))
    middle = to.op("Floor", to.mul(rest, 2.0**-8))
    low = to.sub(rest, to.mul(middle, 2.0**8))
    parts = to.op("Cast", to.op("Concat", high, middle, low, axis=1), to=UINT8)
    sums = to.op("MatMulInteger", parts, pixels)  # (N, C, B, 3*BLOCK, others)
    high, middle, low = to.to.ops("Split", sums, to.constant([BLOCK] * 3), outputs=3, axis=3)
    total = to.add(to.mul(high, _int32(2**16, to)), to.mul(middle, _int32(2**8, to)), low)
    return to.add(total, _int32(2 ** (_BITS - 1), to))


def _int32(number: int, to: Calculation) -> str:
    return to.to.constant(number, f"{number}", "int32")


def resized_both(
    x: str,
    size: tuple[str, str],
    lines: tuple[Line, Line],
    results: tuple[str, str],
    counts: tuple[str, str],
    channels: int,
    to: Calculation,
) -> str:
    """Add the resizing of pictures, along the width and then along the height.

    Axes are exchanged only as the rows and columns of a matrix, which runtimes do fastest.

    Parameters
    ----------
    x : str
        Pictures (N, C, H, W), uint8.
    size : (str, str)
        H and W, int64.
    lines : (Line, Line)
        Lines along the height and along the width.
    results, counts : (str, str)
        As for `resized_along`, of the height and of the width.
    channels : int
        C.
    to : Calculation
        Graph that receives the operators.

    Returns
    -------
    str
        Pictures (N, C, *counts), uint8.
    """
    H, W = size
    rows = to.mul(H, channels)  # those of all channels
    x = to.op("Reshape", x, to.row(-1, 1, rows, W))
    x = to.op("Transpose", x, perm=[0, 1, 3, 2])  # (N, 1, W, C*H)
    x = resized_along(x, rows, lines[1], results[1], counts[1], to)
    x = to.op("Transpose", x, perm=[0, 1, 3, 2])  # (N, 1, C*H, columns)
    x = to.op("Reshape", x, to.row(-1, channels, H, counts[1]))
    return resized_along(x, counts[1], lines[0], results[0], counts[0], to)
