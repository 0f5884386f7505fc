"""Resizing, with and without antialiasing: the same bytes whatever the version of Pillow."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

#: Number of the definition that new runs use; docs/pixels.md derives it, ``triangle.py`` tells it.
DEFINITION = 2
#: Number of the earlier one: both axes in one call of Pillow, whose result depends on its version.
EARLIER = 1

#: Pixels of the longest side: Pillow takes a box as float32, in which larger numbers have gaps.
LONGEST = 2**24

#: (left, top, right, bottom) in pixels of the image; pixel (r, c) covers c..c+1 and r..r+1.
Box = tuple[float, float, float, float]


def to_picture(pixels: Pixels) -> Image.Image:
    """Return (H, W, 1) or (H, W, 3) pixels as Pillow's picture."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def to_pixels(picture: Image.Image) -> Pixels:
    """Return a grey or colour picture as (H, W, 1) or (H, W, 3)."""
    pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Convert colour to grey by luma (ITU-R 601), grey (..., 1) to three equal channels."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 1:
        return to_pixels(to_picture(pixels).convert("L"))
    return np.repeat(pixels, channels, axis=-1)


def resample(
    pixels: Pixels,
    size: tuple[int, int],
    box: Box,
    antialias: bool,
    definition: int = DEFINITION,
) -> Pixels:
    """Scale the box of the image (H, W, C) to `size` (rows, columns)."""
    H, W = pixels.shape[:2]
    if (H, W) == size and box == (0, 0, W, H):
        return pixels
    if not antialias:
        return bilinear(pixels, size, box)
    if definition == EARLIER:
        picture = to_picture(pixels)
        return to_pixels(picture.resize(size[::-1], Image.Resampling.BILINEAR, box=box))
    return to_pixels(_along_both(pixels, size, box))


def _along_both(pixels: Pixels, size: tuple[int, int], box: Box) -> Image.Image:
    """Scale along the width, then along the height; a call for both may swap the two."""
    H, W = pixels.shape[:2]
    rows, columns = size
    left, top, right, bottom = box
    # The rows that the second pass reads, or one more where float32 is rounded; the first pass
    # leaves out all others.
    scale = (bottom - top) / rows
    reach = max(1.0, scale) - scale / 2 + 2**-22 * H
    first, last = max(0, math.floor(top - reach + 0.4)), min(H, math.ceil(bottom + reach + 0.6))
    part = to_picture(pixels[first:last]).resize(
        (columns, last - first), Image.Resampling.BILINEAR, box=(left, 0, right, last - first)
    )
    if last - first < H:  # the second pass counts rows from the image's first
        part = part.crop((0, -first, columns, H - first))
    return part.resize((columns, rows), Image.Resampling.BILINEAR, box=(0, top, columns, bottom))


def reduced(picture: Image.Image, side: int | None, definition: int = DEFINITION) -> Image.Image:
    """Reduce a picture, if larger, so that its shorter side is `side`."""
    shorter = min(picture.size)
    if side is None or shorter <= side:
        return picture
    if definition == EARLIER:
        width, height = (max(1, round(length * side / shorter)) for length in picture.size)
        return picture.resize((width, height), Image.Resampling.HAMMING)
    # length * side / shorter, rounded half up
    width, height = ((2 * length * side + shorter) // (2 * shorter) for length in picture.size)
    part = picture.resize((width, picture.height), Image.Resampling.BILINEAR)
    return part.resize((width, height), Image.Resampling.BILINEAR)


def resized_thumbnail(pixels: Pixels, side: int) -> Pixels:
    """Reduce the image (H, W, C) to side x side pixels, each the mean of the area it covers."""
    H, W = pixels.shape[:2]
    # Whole numbers of pixels first, which is fast, until twice the size is left.
    across, down = max(1, W // side // 2), max(1, H // side // 2)
    part = to_picture(pixels).reduce((across, down))
    box = (0, 0, W / across, part.height)
    part = part.resize((side, part.height), Image.Resampling.BOX, box=box)
    box = (0, 0, side, H / down)
    return to_pixels(part.resize((side, side), Image.Resampling.BOX, box=box))


def mean_colour(picture: Image.Image, definition: int = DEFINITION) -> Pixels:
    """Return the mean of a picture's pixels, shape (C,)."""
    if definition != EARLIER:
        picture = picture.resize((1, picture.height), Image.Resampling.BOX)
    return to_pixels(picture.resize((1, 1), Image.Resampling.BOX))[0, 0]


def bilinear(pixels: Pixels, size: tuple[int, int], box: Box) -> Pixels:
    r"""Interpolate between the four nearest pixels, without antialiasing.

    The arithmetic of OpenCV's ``INTER_LINEAR``: output row i lies at
    :math:`(i + \tfrac12) \cdot height / rows - \tfrac12` of the box's rows, positions beyond the
    outermost pixel centres take the edge's value, and results are rounded to 8 bits.
    """
    left, top, right, bottom = box
    H, W, C = pixels.shape
    h, w = size
    upper, lower, down = _taps(h, top, bottom, H)
    first, second, across = _taps(w, left, right, W)
    lines = pixels.reshape(H, W * C)  # NumPy is slow where the last axis is short
    rows = _mix(lines[upper], lines[lower], down[:, np.newaxis]).reshape(h, W, C)
    start, end = np.take(rows, first, axis=1), np.take(rows, second, axis=1)  # (h, w, C)
    mixed = _mix(start.reshape(h, w * C), end.reshape(h, w * C), np.repeat(across, C))
    return (mixed + np.float32(0.5)).astype(np.uint8).reshape(h, w, C)


def _mix(
    start: npt.NDArray[Any], end: npt.NDArray[Any], share: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return start + share * (end - start)."""
    mixed = np.subtract(end, start, dtype=np.float32)
    mixed *= share
    mixed += start
    return mixed


def _taps(
    count: int, start: float, stop: float, length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return both neighbours of each output position, and its fraction towards the second."""
    where = start + (np.arange(count) + 0.5) * ((stop - start) / count) - 0.5
    where = np.clip(where, 0, length - 1)
    first = np.floor(where).astype(np.int64)
    second = np.minimum(first + 1, length - 1)
    return first, second, (where - first).astype(np.float32)
