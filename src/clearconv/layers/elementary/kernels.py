"""The weights of a resized axis: where a place of the result lies, and which neighbours count."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ArgumentError

Places = npt.NDArray[np.float64]


class Rule(NamedTuple):
    """How an axis is resized; see ``Resample``."""

    filter: str
    coordinates: str
    nearest: str
    cubic: float
    exclude_outside: bool
    antialias: bool


def _corners(o: Places, old: int, new: int, scale: float, region: tuple[float, float]) -> Places:
    return np.zeros(new) if new == 1 else o * ((old - 1) / (new - 1))


def _pytorch(o: Places, old: int, new: int, scale: float, region: tuple[float, float]) -> Places:
    return (o + 0.5) / scale - 0.5 if new > 1 else np.zeros(new)


def _symmetric(o: Places, old: int, new: int, scale: float, region: tuple[float, float]) -> Places:
    """Keep the middle in the middle where the size is not a whole multiple."""
    offset = old / 2 * (1 - new / (scale * old))
    return offset + (o + 0.5) / scale - 0.5


def _crop(o: Places, old: int, new: int, scale: float, region: tuple[float, float]) -> Places:
    first, last = region
    if new == 1:
        return np.full(1, 0.5 * (first + last) * (old - 1))
    return first * (old - 1) + o * ((last - first) * (old - 1) / (new - 1))


#: Name in ONNX -> place in the input of each place of the result.
COORDINATES: dict[str, Callable[..., Places]] = {
    "half_pixel": lambda o, old, new, scale, region: (o + 0.5) / scale - 0.5,
    "align_corners": _corners,
    "asymmetric": lambda o, old, new, scale, region: o / scale,
    "pytorch_half_pixel": _pytorch,
    "half_pixel_symmetric": _symmetric,
    "tf_half_pixel_for_nn": lambda o, old, new, scale, region: (o + 0.5) / scale,
    "tf_crop_and_resize": _crop,
}

_ROUNDING: dict[str, Callable[[Places], Places]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _triangle(distance: Places, a: float) -> Places:
    return np.maximum(0.0, 1 - np.abs(distance))


def _cubic(distance: Places, a: float) -> Places:
    """Cubic convolution (Keys, 1981)."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


#: Filter -> weight at a distance, and the distance from which on it is 0.
KERNELS: dict[str, tuple[Callable[[Places, float], Places], float]] = {
    "nearest": (_triangle, 0.0),
    "linear": (_triangle, 1.0),
    "cubic": (_cubic, 2.0),
}


def weights(
    old: int, new: int, scale: float, region: tuple[float, float], rule: Rule
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the matrix of an axis.

    Parameters
    ----------
    old, new : int
        Size before and after.
    scale : float
        Factor that the coordinates are computed with.
    region : (float, float)
        Crop, for "tf_crop_and_resize".
    rule : Rule
        Coordinates and filter.

    Returns
    -------
    matrix : ndarray of shape (new, old)
        Weight of each old place in each new one.
    outside : ndarray of shape (new,)
        Which new places lie outside the image, with "tf_crop_and_resize".
    """
    x = COORDINATES[rule.coordinates](np.arange(new, dtype=float), old, new, scale, region)
    crop = rule.coordinates == "tf_crop_and_resize"
    outside = (x < 0) | (x > old - 1) if crop else np.zeros(new, bool)
    matrix = np.zeros((new, old))
    rows = np.arange(new)
    if rule.filter == "nearest":
        if rule.nearest not in _ROUNDING:
            raise ArgumentError(
                f"Resample: nearest={rule.nearest!r}, but there are {', '.join(_ROUNDING)}."
            )
        place = np.clip(_ROUNDING[rule.nearest](x), 0, old - 1).astype(int)
        matrix[rows, place] = 1
        return matrix, outside
    kernel, support = KERNELS[rule.filter]
    wide = max(1.0, 1 / scale) if rule.antialias else 1.0
    start = np.floor(x).astype(int)
    reach = int(np.ceil(support * wide))
    taken = np.arange(1 - reach, reach + 1) if not rule.antialias else np.arange(-reach, reach + 2)
    place = start[:, None] + taken[None, :]  # (new, neighbours)
    weight = kernel((x[:, None] - place) / wide, rule.cubic)
    if rule.exclude_outside:
        weight = np.where((place < 0) | (place >= old), 0.0, weight)
    if rule.exclude_outside or rule.antialias:
        weight = weight / weight.sum(axis=1, keepdims=True)
    np.add.at(matrix, (rows[:, None], np.clip(place, 0, old - 1)), weight)
    return matrix, outside
