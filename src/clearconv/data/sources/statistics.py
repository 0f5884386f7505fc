"""Mean and deviation of a data set's pixels."""

import numpy as np

from clearconv.data.sources.source import Integers, Source
from clearconv.errors import DataError

_SAMPLE = 500


def channel_statistics(
    source: Source, samples: Integers
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of pixels/255, one of each per channel.

    Parameters
    ----------
    source : Source
        The data.
    samples : ndarray of int64
        Training images. If there are more than 500, every k-th is used, the same at every call.

    Returns
    -------
    mean, std : tuple of float
        One per channel of the source, over all pixels; a deviation is at least 1/255, so that it
        is a safe divisor.

    Raises
    ------
    DataError
        If there are no images.
    """
    if len(samples) == 0:
        raise DataError("the mean and deviation of no images were asked for.")
    chosen = np.sort(samples)
    if len(chosen) > _SAMPLE:
        chosen = chosen[np.arange(_SAMPLE) * len(chosen) // _SAMPLE]
    counts = np.zeros((source.channels, 256), dtype=np.int64)  # how often each value occurs
    for sample in chosen:
        image = source.image(int(sample))  # (H, W, C)
        for c in range(source.channels):
            counts[c] += np.bincount(image[..., c].ravel(), minlength=256)
    values = np.arange(256) / 255
    pixels = counts.sum(axis=1)  # (C,)
    mean = counts @ values / pixels
    squares = (counts * (values - mean[:, np.newaxis]) ** 2).sum(axis=1) / pixels
    std = np.maximum(np.sqrt(squares), 1 / 255)
    return tuple(mean.tolist()), tuple(std.tolist())
