"""Checks of arrays that both article layers share."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ShapeError


def image(what: str, input_array: npt.ArrayLike, shape: tuple[int, int, int]) -> Array:
    """Return the input as float64 if it has this shape, or lacks only a single channel's axis."""
    x: Array = np.asarray(input_array, dtype=np.float64)
    if x.shape != shape and (shape[0] > 1 or x.shape != shape[1:]):
        raise ShapeError(
            f"{what}: input_array has shape {x.shape}, but the layer was made for {shape}: "
            "(channel_number, input_height, input_width). The constructor takes the width first."
        )
    return x


def sensitivity(what: str, sensitivity_array: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the error terms as float64 if they have the shape of the output."""
    delta: Array = np.asarray(sensitivity_array, dtype=np.float64)
    if delta.shape != shape:
        raise ShapeError(
            f"{what}: sensitivity_array has shape {delta.shape}, but {shape} is expected: one "
            "error term for each output."
        )
    return delta
