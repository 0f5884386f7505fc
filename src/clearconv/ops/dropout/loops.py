"""Dropout unit by unit: one draw, one decision."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, zeros_like
from clearconv.ops.dropout import DropoutKey


def mask(shape: tuple[int, ...], p: float, key: DropoutKey) -> npt.NDArray[np.bool_]:
    """Every sample has its own generator, and every unit draws its own number from it."""
    kept = np.empty(shape, dtype=bool)
    for n, generator in enumerate(key.generators()):
        for unit in np.ndindex(shape[1:]):
            kept[(n, *unit)] = generator.random(dtype=np.float32) >= np.float32(p)
    return kept


def scale(values: Array, kept: npt.NDArray[np.bool_], p: float, out: Array | None = None) -> Array:
    """Kept units are scaled up, so that the expected sum stays the same."""
    scaled = zeros_like(values, out)
    for place in np.ndindex(values.shape):
        if kept[place]:
            scaled[place] = values[place] / (1 - p)
    return scaled
