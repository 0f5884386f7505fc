"""``Preprocessing`` as operators: reduce, grey, resize a box, fill, scale."""

import numpy as np

from clearconv.data import Preprocessing
from clearconv.exchange.onnx.operators.base.writer import FLOAT, UINT8, Writer
from clearconv.exchange.onnx.writing.pixels.between import between
from clearconv.exchange.onnx.writing.pixels.calculation import Calculation
from clearconv.exchange.onnx.writing.pixels.line import Line, resized_both

#: Definition of a pixel that is written; see ``docs/pixels.md``.
DEFINITION = 2


def write_pixels(image: str, preprocessing: Preprocessing, batch: bool, to: Writer) -> str:
    """Add the operators from pictures to the network's input.

    Parameters
    ----------
    image : str
        Name of one picture (H, W, 3), or of several (N, H, W, 3), uint8.
    preprocessing : Preprocessing
        What is done to them.
    batch : bool
        Whether there are several.
    to : Writer
        Graph that receives the operators.

    Returns
    -------
    str
        Name of the input (N, channels, rows, columns), float32.
    """
    to.scope = "preprocessing"
    n = Calculation(to)
    if not batch:
        image = n.op("Unsqueeze", image, n.constant([0]))
    shape = n.op("Shape", image)
    H, W = (n.op("Gather", shape, axis) for axis in (1, 2))
    # in two steps, of which either is an exchange of rows and columns, and therefore fast
    x = n.op("Reshape", image, n.row(-1, n.mul(H, W), 3))
    x = n.op("Transpose", x, perm=[0, 2, 1])
    x = n.op("Reshape", x, n.row(-1, 3, H, W))
    if preprocessing.resize != "none" and preprocessing.side is not None:
        x, H, W = _reduced(x, H, W, preprocessing.side, n)
    if preprocessing.channels == 1:
        x = _grey(x, n)
    if preprocessing.resize != "none":
        x = _resized(x, H, W, preprocessing, n)
    if preprocessing.order == "bgr" and preprocessing.channels == 3:
        x = n.op("Gather", x, n.constant([2, 1, 0]), axis=1)
    mean, std = (
        to.constant((255 * np.array(values, np.float64)).reshape(-1, 1, 1), name, "float32")
        for name, values in (("mean", preprocessing.mean), ("std", preprocessing.std))
    )
    y = n.div(n.sub(n.op("Cast", x, to=FLOAT), mean), std)
    to.scope = ""
    return y


def _reduced(x: str, H: str, W: str, side: int, n: Calculation) -> tuple[str, str, str]:
    """Reduce a picture whose shorter side is longer than `side`; another stays as it is."""
    shorter = n.least(H, W)
    wanted = n.least(shorter, side)
    sizes = []
    for length in (H, W):
        double = n.add(n.mul(n.mul(length, wanted), 2), shorter)
        sizes.append(n.div(double, n.mul(shorter, 2)))
    down, across = (
        Line(length, n.value(0.0), n.div(n.real(length), n.real(count)))
        for length, count in zip((H, W), sizes, strict=True)
    )
    rows, columns = sizes
    every = (n.op("Range", 0, rows, 1), n.op("Range", 0, columns, 1))
    x = resized_both(x, (H, W), (down, across), every, (rows, columns), 3, n)
    return x, rows, columns


def _grey(x: str, n: Calculation) -> str:
    """Take the luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, of (N, 3, H, W)."""
    shares = n.to.constant(np.array([19595, 38470, 7471]).reshape(3, 1, 1), "luma", "float32")
    parts = n.mul(n.op("Cast", x, to=FLOAT), shares)  # whole numbers below 2**24: exact
    red, green, blue = (n.part(parts, channel, channel + 1, 1) for channel in range(3))
    half, scale = (n.to.constant(number, "luma", "float32") for number in (2**15, 2**-16))
    return n.op("Cast", n.mul(n.add(red, green, blue, half), scale), to=UINT8)


def _resized(x: str, H: str, W: str, preprocessing: Preprocessing, n: Calculation) -> str:
    """Resize a box of pictures (N, C, H, W) to a window of the input, and fill the rest."""
    rows, columns = preprocessing.size
    wide = n.op("LessOrEqual", n.mul(H, columns), n.mul(W, rows))  # wider than the input
    if preprocessing.resize == "letterbox":
        return _letterboxed(x, H, W, wide, preprocessing, n)
    if preprocessing.resize == "crop":
        high, broad = n.real(H), n.real(W)
        w = n.where(wide, n.div(n.real(n.mul(H, columns)), float(rows)), broad)
        h = n.where(wide, high, n.div(n.real(n.mul(W, rows)), float(columns)))
        left, top = n.div(n.sub(broad, w), 2.0), n.div(n.sub(high, h), 2.0)
        box = ((W, left, n.add(left, w), columns), (H, top, n.add(top, h), rows))
    else:
        zero = n.value(0.0)
        box = ((W, zero, n.real(W), columns), (H, zero, n.real(H), rows))
    if not preprocessing.antialias:
        across, down = (
            Line(length, start, n.div(n.sub(stop, start), float(count)))
            for length, start, stop, count in box
        )
        return between(x, down, across, (rows, columns), n)
    across, down = (_rounded(*part, n) for part in box)
    every = (n.constant([*range(rows)]), n.constant([*range(columns)]))
    counts = (n.value(rows), n.value(columns))
    return resized_both(x, (H, W), (down, across), every, counts, preprocessing.channels, n)


def _rounded(length: str, start: str, stop: str, count: int, n: Calculation) -> Line:
    """Return a line whose resized part begins and ends at float32 numbers."""
    low, high = (n.op("Cast", value, to=FLOAT) for value in (start, stop))
    scale = n.div(n.real(n.sub(high, low)), float(count))
    return Line(length, n.real(low), scale)


def _letterboxed(
    x: str, H: str, W: str, wide: str, preprocessing: Preprocessing, n: Calculation
) -> str:
    """Resize whole pictures to the largest window of their shape, and fill around it."""
    rows, columns = preprocessing.size
    flat = n.div(n.add(n.mul(H, 2 * columns), W), n.mul(W, 2))
    slim = n.div(n.add(n.mul(W, 2 * rows), H), n.mul(H, 2))
    h = n.where(wide, n.most(flat, 1), rows)
    w = n.where(wide, columns, n.most(slim, 1))
    along, masks = [], []
    for length, size, count in ((W, columns, w), (H, rows, h)):
        place = n.sub(n.constant([*range(size)]), n.div(n.sub(size, count), 2))
        within = n.least(n.most(place, 0), n.sub(count, 1))
        masks.append(n.op("Equal", place, within))
        line = Line(length, n.value(0.0), n.div(n.real(length), n.real(count)))
        along.append((line, within))
    (across, of_columns), (down, of_rows) = along
    counts = (n.value(rows), n.value(columns))
    lines, results = (down, across), (of_rows, of_columns)
    x = resized_both(x, (H, W), lines, results, counts, preprocessing.channels, n)
    fill = n.to.constant(np.array(preprocessing.fill).reshape(-1, 1, 1), "fill", "uint8")
    inside = n.op("And", masks[0], n.shaped(masks[1], -1, 1))  # (rows, columns)
    return n.where(inside, x, fill)
