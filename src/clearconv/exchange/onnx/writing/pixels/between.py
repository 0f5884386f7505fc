"""A resizing without antialiasing as operators: mixtures of the four nearest pixels."""

from clearconv.exchange.onnx.operators.base.writer import FLOAT, UINT8
from clearconv.exchange.onnx.writing.pixels.calculation import Calculation
from clearconv.exchange.onnx.writing.pixels.line import Line


def between(x: str, down: Line, across: Line, size: tuple[int, int], n: Calculation) -> str:
    """Add the resizing, and return the name of the result.

    Parameters
    ----------
    x : str
        Pictures (N, C, H, W), uint8.
    down, across : Line
        Lines along the height and along the width.
    size : (int, int)
        Rows and columns of the result.
    n : Calculation
        Graph that receives the operators.

    Returns
    -------
    str
        Pictures (N, C, *size), uint8.
    """
    y = n.op("Cast", x, to=FLOAT)
    for axis, line, count in ((2, down, size[0]), (3, across, size[1])):
        most = n.sub(line.length, 1)
        steps = n.mul(n.add(n.real(n.constant([*range(count)])), 0.5), line.scale)
        place = n.sub(n.add(line.start, steps), 0.5)
        place = n.least(n.most(place, 0.0), n.real(most))  # (count,)
        floor = n.op("Floor", place)
        share = n.op("Cast", n.sub(place, floor), to=FLOAT)
        share = n.shaped(share, -1, 1) if axis == 2 else share
        first = n.whole(floor)
        start = n.op("Gather", y, first, axis=axis)
        end = n.op("Gather", y, n.least(n.add(first, 1), most), axis=axis)
        y = n.add(start, n.mul(n.sub(end, start), share))
    half = n.to.constant(0.5, "half", "float32")
    return n.op("Cast", n.add(y, half), to=UINT8)
