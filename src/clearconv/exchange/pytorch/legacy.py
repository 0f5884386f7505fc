"""The files that PyTorch wrote before version 1.6: pickles, then the storages, end to end."""

from typing import Any, BinaryIO

from clearconv.arrays import Array
from clearconv.exchange.pytorch.pickled import Pickle, Reader
from clearconv.exchange.pytorch.storages import read_bytes, storage_of
from clearconv.exchange.pytorch.tensors import Storage
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown

#: The first pickle, and the second.
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_COUNT = 8  # bytes of the number of elements before each storage


class Legacy:
    """An open file of that format; storages are little-endian on every machine.

    Parameters
    ----------
    file : BinaryIO
        The file.
    size : int
        Its length.
    """

    swapped = False

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._whole: dict[str, Storage] = {}
        self._places: dict[str, int] = {}

    def content(self) -> Any:
        """Return the pickled object, having found where the storages are."""
        self._file.seek(0)
        reader = Reader(self._file, self._size, self._size)
        first = Pickle(reader, storage_of).load()
        if first != _MAGIC or type(first) is not int:
            raise UnreadableError(
                f"is a pickle of a {shown(type(first).__name__)}, but not one of PyTorch's. Only "
                "files that torch.save wrote are read"
            )
        if (version := Pickle(reader, storage_of).load()) != _VERSION:
            what = version if type(version) is int else type(version).__name__
            raise UnreadableError(f"is of format {shown(what)}, but only {_VERSION} is known")
        Pickle(reader, storage_of).load()  # the machine that wrote it: decides nothing
        found = Pickle(reader, self._storage).load()
        keys = Pickle(reader, storage_of).load()
        if type(keys) is not list or any(type(key) is not str for key in keys):
            raise UnreadableError("is damaged: it has no list of storages")
        self._find(keys, self._size - reader.left)
        return found

    def read(self, storage: Storage) -> Array:
        """Return the bytes of the whole that a storage is, or is a part of."""
        whole = self._whole[storage.key]
        if storage.key not in self._places:
            raise UnreadableError(f"is damaged: it does not list the storage {shown(storage.key)}")
        place = self._places[storage.key]
        return read_bytes(self._file, place, whole.count * whole.itemsize)

    def _find(self, keys: list[str], place: int) -> None:
        """Note where each storage's bytes begin."""
        for key in keys:
            whole = self._whole.get(key)
            if whole is None or key in self._places:
                raise UnreadableError(
                    f"is damaged: no tensor uses the storage {shown(key)}, or it is listed twice"
                )
            self._file.seek(place)
            count = int.from_bytes(self._file.read(_COUNT), "little")
            end = place + _COUNT + whole.count * whole.itemsize
            if end > self._size:
                raise UnreadableError(
                    "is not whole: its last storages are missing. Was it cut off in copying?"
                )
            if count != whole.count:
                raise UnreadableError(
                    f"is damaged: the storage {shown(key)} has {count:,} elements, but its tensors "
                    f"need {whole.count:,}"
                )
            self._places[key] = place + _COUNT
            place = end

    def _storage(self, persistent_id: Any) -> Storage:
        """Return a storage; early versions let it be a part of another."""
        whole = storage_of(persistent_id)
        if self._whole.setdefault(whole.key, whole) != whole:
            raise UnreadableError(f"is damaged: two kinds of storage are called {shown(whole.key)}")
        if len(persistent_id) < 6 or persistent_id[5] is None:
            return whole
        part = persistent_id[5]
        if type(part) is not tuple or [type(n) for n in part] != [str, int, int]:
            raise UnreadableError("is damaged: a part of a storage is not described")
        _, start, count = part
        if start < 0 or count < 0 or start + count > whole.count:
            raise UnreadableError("is damaged: a part of a storage lies outside of it")
        return Storage(whole.key, whole.dtype, count, start)
