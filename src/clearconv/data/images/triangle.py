"""Definition 2 of a resized picture in plain NumPy: what ``resize.py`` computes, to the byte."""

import numpy as np
import numpy.typing as npt

from clearconv.data.images.resize import Box, Pixels

#: Weights are whole numbers, in units of 2**-22.
BITS = 22


def weights(length: int, start: float, stop: float, count: int) -> npt.NDArray[np.float64]:
    """Return how much each pixel of a line counts in each of `count` results, (count, length)."""
    low, high = np.float32(start), np.float32(stop)
    scale = float(high - low) / count  # pixels of the line per result; a float32 difference
    reach = max(scale, 1.0)
    centre = float(low) + (np.arange(count)[:, np.newaxis] + 0.5) * scale  # (count, 1)
    first = np.maximum(np.trunc(centre - reach + 0.5), 0)
    last = np.minimum(np.trunc(centre + reach + 0.5), length)
    place = np.arange(length)
    share = np.maximum(1 - np.abs((place - centre + 0.5) * (1 / reach)), 0)
    share[(place < first) | (place >= last)] = 0
    share /= np.cumsum(share, axis=1)[:, -1:]  # a sum from left to right
    return np.floor(share * 2**BITS + 0.5)


def resized(pixels: Pixels, size: tuple[int, int], box: Box) -> Pixels:
    """Scale the box of the image (H, W, C) to `size` (rows, columns)."""
    left, top, right, bottom = box
    across = weights(pixels.shape[1], left, right, size[1])  # (columns, W)
    down = weights(pixels.shape[0], top, bottom, size[0])  # (rows, H)
    wide = _rounded(across @ pixels.astype(np.float64))  # (H, columns, C)
    return _rounded(np.tensordot(down, wide, 1)).astype(np.uint8)  # (rows, columns, C)


def _rounded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sums of pixels times weights, which are exact below 2**53, as whole pixels."""
    return np.clip(np.floor(sums / 2**BITS + 0.5), 0, 255)
