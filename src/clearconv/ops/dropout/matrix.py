"""Dropout on whole arrays: a mask, then one product where it is open."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, zeros_like
from clearconv.ops.dropout import DropoutKey


def mask(shape: tuple[int, ...], p: float, key: DropoutKey) -> npt.NDArray[np.bool_]:
    """Every sample's numbers from its own generator, compared with p."""
    kept = np.empty(shape, dtype=bool)
    for n, generator in enumerate(key.generators()):
        kept[n] = generator.random(shape[1:], dtype=np.float32) >= np.float32(p)
    return kept


def scale(values: Array, kept: npt.NDArray[np.bool_], p: float, out: Array | None = None) -> Array:
    """`values` times 1/(1-p) where kept, else 0, in the memory layout of `values`."""
    return np.multiply(values, 1 / (1 - p), out=zeros_like(values, out), where=kept)
