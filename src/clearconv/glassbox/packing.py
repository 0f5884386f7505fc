"""Arrays for the page: each once, its bytes as base64, with what a reader must know of it."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

_KINDS = {"float32": "f4", "float64": "f8", "bool": "u1", "uint8": "u1"}
_ROW = 32  # numbers of a vector in a row, at most


class Packing:
    """The arrays of a page.

    Attributes
    ----------
    arrays : list of dict
        For the page's script: shape, which places along each axis are here (None for all), kind of
        number, base64 of the little-endian numbers in row-major order, the largest magnitude of the
        whole array, and how long the rows are in which a vector is shown.
    """

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, array: npt.NDArray[Any], picks: Sequence[Sequence[int] | None]) -> int:
        """Take an array in, and return its number; one that is there already counts once.

        Parameters
        ----------
        array : ndarray
            Without the axis of the images.
        picks : sequence
            For each axis the places to keep, or None.
        """
        part = array
        for axis, places in enumerate(picks):
            if places is not None and len(places) < array.shape[axis]:
                part = part.take(places, axis)
        kind = _KINDS.get(array.dtype.name, "i4")
        content = np.ascontiguousarray(part, kind if kind != "u1" else np.uint8).tobytes()
        limit = _limit(array)
        whole = [
            None if places is None or len(places) == size else list(places)
            for places, size in zip(picks, array.shape, strict=True)
        ]
        key = (array.shape, kind, limit, str(whole), sha256(content).digest())
        if key not in self._known:
            self._known[key] = len(self.arrays)
            made = {"shape": array.shape, "picks": whole, "kind": kind, "limit": limit}
            length = array.shape[-1] if array.ndim else 1
            made["wrap"] = wrapped(length)
            self.arrays.append(made | {"data": b64encode(content).decode()})
        return self._known[key]


def wrapped(length: int) -> int:
    """Return how many numbers of a vector stand in a row: all of few, else about a square."""
    if length <= 8:
        return max(1, length)
    divisors = [k for k in range(2, _ROW + 1) if length % k == 0 and k * k >= length]
    return divisors[0] if divisors else min(_ROW, int(np.ceil(np.sqrt(length))))


def _limit(array: npt.NDArray[Any]) -> float:
    """Return the largest magnitude; what is not finite has a colour of its own."""
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return float(np.abs(finite.astype(np.float64)).max(initial=0.0))
