"""A hash over named arrays."""

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


def update_digest(digest: "hashlib._Hash", path: str, array: npt.NDArray[Any]) -> None:
    """Add a named array to a hash: name, dtype, shape, numbers."""
    name, little = _described(array.dtype)
    digest.update(f"{path} {name} {array.shape}\n".encode())
    flat = np.ascontiguousarray(array).astype(little, copy=False).reshape(-1)
    digest.update(flat.view(np.uint8).data)


@lru_cache(maxsize=32)
def _described(dtype: np.dtype[Any]) -> tuple[str, np.dtype[Any]]:
    """Return a dtype's name and its little-endian form: NumPy takes longer than a small array."""
    return str(dtype), dtype.newbyteorder("<")
