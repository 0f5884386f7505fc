"""Arrays for the page: each once, its bytes as base64, with everything needed to read it."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

#: For each axis of an array the indices to keep; None for all.
Picked = Sequence[Sequence[int] | None]

_KINDS = {"float32": "f4", "float64": "f8", "bool": "u1", "uint8": "u1"}
_ROW = 32  # largest number of a vector's elements in a row
_MANY, _USUAL, _FAR = 200, 0.99, 2.5  # when the scale ends at the largest hundredth


class Packing:
    """The arrays of a page.

    Attributes
    ----------
    arrays : list of dict
        For the page's script: shape, indices along each axis that are here (None for all), kind of
        number, base64 of the little-endian numbers in row-major order, the largest magnitude of the
        whole array, the magnitude at which its colours end, and the length of the rows in which a
        vector is shown.
    """

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, array: npt.NDArray[Any], picks: Picked) -> int:
        """Add an array, and return its number; an array that is already there counts once.

        Parameters
        ----------
        array : ndarray
            Array without the axis of the images.
        picks : sequence
            Indices to keep for each axis, or None.
        """
        return self._put(array.shape, _taken(array, picks), picks, _limits(array))

    def add_each(
        self, arrays: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], picks: Picked
    ) -> int:
        """Add arrays of one shape as one array with a further axis in front.

        Parameters
        ----------
        arrays : iterable of ndarray
            One or more; they need not all exist at once.
        shape : tuple of int
            Shape of each.
        picks : sequence
            Indices to keep for each axis of that shape, or None.
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
            kind = "u1"  # masks and slopes: a byte suffices
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
    """Return the number of a vector's elements per row: all if few, else about a square."""
    if length <= 8:
        return max(1, length)
    divisors = [k for k in range(2, _ROW + 1) if length % k == 0 and k * k >= length]
    return divisors[0] if divisors else min(_ROW, int(np.ceil(np.sqrt(length))))


def _limits(array: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the largest magnitude, and where colours end, so that outliers hide nothing.

    Values that are not finite have a colour of their own.
    """
    sizes = np.abs(array[np.isfinite(array)].astype(np.float64))
    limit = float(sizes.max(initial=0.0))
    there = sizes[sizes > 0]
    if len(there) < _MANY:
        return limit, limit
    usual = float(f"{np.quantile(there, _USUAL):.2g}")
    return limit, usual if limit > _FAR * usual else limit
