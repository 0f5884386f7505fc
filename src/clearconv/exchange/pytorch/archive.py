"""The zip archives that PyTorch writes since version 1.6: a pickle, and a record per storage."""

import struct
import zipfile
import zlib
from typing import Any, BinaryIO, cast

from clearconv.arrays import Array
from clearconv.exchange.pytorch.pickled import Pickle, Reader
from clearconv.exchange.pytorch.storages import read_bytes, storage_of
from clearconv.exchange.pytorch.tensors import Storage
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown

#: Bytes of the list of records: room for 50,000 tensors, in at most 20 times that in memory.
_MOST_LIST = 2**22
_ENCRYPTED = 1
_HEADER = struct.Struct("<4s22xHH")  # of a record: mark, ..., lengths of its name and of the rest


class _Limited:
    """A file from which the list of records can be read, if it is not too long."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes."""
        if count > _MOST_LIST:
            raise UnreadableError(
                f"lists its records in {count:,} bytes, more than any model needs"
            )
        return self._read(count)

    def seekable(self) -> bool:
        """Return that any place can be read."""
        return True


class Archive:
    """An open archive.

    Parameters
    ----------
    file : BinaryIO
        The file.
    size : int
        Its length.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._left = file, size, size
        try:
            with zipfile.ZipFile(cast(Any, _Limited(file))) as listed:
                self._records = {info.filename: info for info in listed.infolist()}
        except UnreadableError:
            raise
        except Exception as error:  # the module checks little of what it reads
            raise UnreadableError(f"is a damaged zip archive: {shown(error)}") from None
        roots = [name for name in self._records if name.rpartition("/")[2] == "data.pkl"]
        if len(roots) != 1 or roots[0].count("/") > 1:
            raise UnreadableError(
                "is a zip archive, but holds no data.pkl, or several: PyTorch did not write it. "
                "If weights are inside, unpack it first"
            )
        self._root = roots[0].removesuffix("data.pkl")
        if f"{self._root}constants.pkl" in self._records:
            raise UnreadableError(
                "is a TorchScript program, which is refused: nothing in the file is ever run. In "
                "PyTorch: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
            )

    @property
    def swapped(self) -> bool:
        """Return whether the storages are big-endian; without a mark they are little-endian."""
        if f"{self._root}byteorder" not in self._records:
            return False
        order = self._record("byteorder", 16).tobytes()
        if order not in (b"little", b"big"):
            raise UnreadableError(f"is damaged: its byte order is {shown(order)}")
        return order == b"big"

    def content(self) -> Any:
        """Return the pickled object."""
        start, size = self._place("data.pkl")
        self._file.seek(start)
        return Pickle(Reader(self._file, size, self._size), storage_of).load()

    def read(self, storage: Storage) -> Array:
        """Return the bytes of a storage."""
        return self._record(f"data/{storage.key}", None, storage.count * storage.itemsize)

    def _record(self, name: str, most: int | None, exactly: int | None = None) -> Array:
        """Return a record; all together are at most as long as the file."""
        start, size = self._place(name)
        if exactly is not None and size != exactly:
            raise UnreadableError(
                f"is damaged: {shown(name)} has {size:,} bytes, but its tensors need {exactly:,}"
            )
        self._left -= size
        if self._left < 0 or (most is not None and size > most):
            raise UnreadableError(f"is damaged: {shown(name)} is too long, or overlaps another")
        found = read_bytes(self._file, start, size)
        expected = self._records[self._root + name].CRC
        if expected not in (0, zlib.crc32(found.data)):  # 0: PyTorch was told not to compute it
            raise UnreadableError(f"is damaged: the checksum of {shown(name)} is wrong")
        return found

    def _place(self, name: str) -> tuple[int, int]:
        """Return where a record's bytes begin, and their number."""
        info = self._records.get(self._root + name)
        if info is None:
            raise UnreadableError(f"is damaged: it has no record {shown(name)}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise UnreadableError(
                f"is compressed or encrypted ({shown(name)}), as PyTorch writes no file. Unpack it "
                "and save it again in PyTorch"
            )
        header = b""
        if 0 <= info.header_offset <= self._size - _HEADER.size:
            self._file.seek(info.header_offset)
            header = self._file.read(_HEADER.size)
        if len(header) == _HEADER.size:
            mark, letters, more = _HEADER.unpack(header)
            start = info.header_offset + _HEADER.size + letters + more
            if mark == b"PK\x03\x04" and start + info.file_size <= self._size:
                return start, info.file_size
        raise UnreadableError(f"is damaged: {shown(name)} is not where the archive says")
