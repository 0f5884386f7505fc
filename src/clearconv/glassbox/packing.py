"""Arrays for the page: each once, its bytes as base64, with what a reader must know of it."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

#: For each axis of an array the places to keep; None for all.
Picked = Sequence[Sequence[int] | None]

_KINDS = {"float32": "f4", "float64": "f8", "bool": "u1", "uint8": "u1"}
_ROW = 32  # numbers of a vector in a row, at most
_MANY, _USUAL, _FAR = 200, 0.99, 2.5  # when the largest hundredth ends the scale


class Packing:
    """The arrays of a page.

    Attributes
    ----------
    arrays : list of dict
        For the page's script: shape, which places along each axis are here (None for all), kind of
        number, base64 of the little-endian numbers in row-major order, the largest magnitude of the
        whole array, the magnitude at which its colours end, and how long the rows are in which a
        vector is shown.
    """

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, array: npt.NDArray[Any], picks: Picked) -> int:
        """Take an array in, and return its number; one that is there already counts once.

        Parameters
        ----------
        array : ndarray
            Without the axis of the images.
        picks : sequence
            For each axis the places to keep, or None.
        """
        return self._put(array.shape, _taken(array, picks), picks, _limits(array))

    def add_each(
        self, arrays: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], picks: Picked
    ) -> int:
        """Take in arrays of one shape as one, which has an axis more in front.

        Parameters
        ----------
        arrays : iterable of ndarray
            One or more; they need not be there all at once.
        shape : tuple of int
            Of each.
        picks : sequence
            For each axis of that shape the places to keep, or None.
        """
        parts = np.stack([_taken(array, picks) for array in arrays])
        return self._put((len(parts), *shape), parts, [None, *picks], (0.0, 0.0))

    def _put(
        self,
        shape: tuple[int, ...],
        part: npt.NDArray[Any],
        picks: Picked,
        limits: tuple[float, float],
    ) -> int:
        kind = _KINDS.get(part.dtype.name, "i4")
        if kind[0] == "f" and np.isin(part, (0, 1)).all():
            kind = "u1"  # masks and slopes: a byte says as much
        content = np.ascontiguousarray(part, kind if kind != "u1" else np.uint8).tobytes()
        limit, scale = limits
        whole = [
            None if places is None or len(places) == size else list(places)
            for places, size in zip(picks, shape, strict=True)
        ]
        key = (shape, kind, limit, str(whole), sha256(content).digest())
        if key not in self._known:
            self._known[key] = len(self.arrays)
            made = {
                "shape": shape,
                "picks": whole,
                "kind": kind,
                "limit": limit,
                "scale": scale,
            }
            length = shape[-1] if shape else 1
            made["wrap"] = wrapped(length)
            self.arrays.append(made | {"data": b64encode(content).decode()})
        return self._known[key]


def _taken(array: npt.NDArray[Any], picks: Picked) -> npt.NDArray[Any]:
    for axis, places in enumerate(picks):
        if places is not None and len(places) < array.shape[axis]:
            array = array.take(places, axis)
    return array


def wrapped(length: int) -> int:
    """Return how many numbers of a vector stand in a row: all of few, else about a square."""
    if length <= 8:
        return max(1, length)
    divisors = [k for k in range(2, _ROW + 1) if length % k == 0 and k * k >= length]
    return divisors[0] if divisors else min(_ROW, int(np.ceil(np.sqrt(length))))


def _limits(array: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the largest magnitude, and where colours end: a few outliers leave the rest visible.

    What is not finite has a colour of its own.
    """
    sizes = np.abs(array[np.isfinite(array)].astype(np.float64))
    limit = float(sizes.max(initial=0.0))
    there = sizes[sizes > 0]
    if len(there) < _MANY:
        return limit, limit
    usual = float(f"{np.quantile(there, _USUAL):.2g}")
    return limit, usual if limit > _FAR * usual else limit
