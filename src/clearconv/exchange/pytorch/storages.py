"""Storages as a pickle names them, and their bytes as a file holds them."""

from typing import Any, BinaryIO

import numpy as np

from clearconv.arrays import Array
from clearconv.exchange.pytorch.allowed import Name
from clearconv.exchange.pytorch.tensors import Storage
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown

_MOST = 2**48  # elements


def storage_of(persistent_id: Any) -> Storage:
    """Return the storage that a persistent id describes: its class, key, device and length.

    Raises
    ------
    UnreadableError
        If it describes anything else.
    """
    if type(persistent_id) is tuple and persistent_id[:1] == ("module",):
        raise UnreadableError(
            "holds a whole model and its source code, which is refused: nothing in the file is "
            "ever run. In PyTorch: torch.save(model.state_dict(), 'weights.pth')"
        )
    if type(persistent_id) is not tuple or len(persistent_id) < 5 or persistent_id[0] != "storage":
        raise UnreadableError("is damaged: a persistent id does not describe a storage")
    kind, key, _, count = persistent_id[1:5]
    if not isinstance(kind, Name) or kind.storage is None:
        what = kind.name if isinstance(kind, Name) else type(kind).__name__
        raise UnreadableError(f"is damaged: {shown(what)} is not a kind of storage")
    if type(key) is not str or type(count) is not int or not 0 <= count < _MOST:
        raise UnreadableError("is damaged: a storage has no key or no length")
    return Storage(key, kind.storage, count)


def read_bytes(file: BinaryIO, start: int, size: int) -> Array:
    """Return bytes of a file, in an array of its own that may be written to."""
    found = np.empty(size, np.uint8)
    file.seek(start)
    if file.readinto(found) != size:  # type: ignore[attr-defined]
        raise UnreadableError("is not whole: it has become shorter while it was read")
    return found
