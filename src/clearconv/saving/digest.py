"""A hash over named arrays."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt


def update_digest(digest: "hashlib._Hash", path: str, array: npt.NDArray[Any]) -> None:
    """Add a named array to a hash: name, dtype, shape, numbers."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
