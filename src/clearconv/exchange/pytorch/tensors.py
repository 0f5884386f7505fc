"""Tensors as a file describes them, checked and turned into views of what it stores."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from clearconv.arrays import Array
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown

#: PyTorch's name of a dtype -> NumPy's, both little-endian in a file. NumPy has no bfloat16.
DTYPES = {
    **{"float32": "<f4", "float64": "<f8", "float16": "<f2", "bfloat16": "<u2"},
    **{"int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "|i1"},
    **{"uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "|u1", "bool": "|u1"},
}
#: What the class of a storage is called -> the dtype of its numbers.
STORAGES = {
    **{"FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16"},
    **{"BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32"},
    **{"ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8"},
    **{"BoolStorage": "bool", "UntypedStorage": "uint8"},
}
_MOST_AXES = 32  # NumPy's limit before version 2


@dataclass(frozen=True)
class Storage:
    """A row of numbers in the file, which tensors share.

    Attributes
    ----------
    key : str
        Its name in the file.
    dtype : str
        PyTorch's name of its dtype; bytes ("uint8") if it is untyped.
    count : int
        Number of its elements.
    start : int
        Its first element within what the key names: more than 0 only in old files.
    """

    key: str
    dtype: str
    count: int
    start: int = 0

    @property
    def itemsize(self) -> int:
        """Return the number of bytes of an element."""
        return np.dtype(DTYPES[self.dtype]).itemsize


@dataclass(frozen=True)
class Tensor:
    """A tensor: a part of a storage, in units of its elements.

    Attributes
    ----------
    storage : Storage
        Where the numbers are.
    dtype : str
        PyTorch's name of their dtype.
    offset : int
        Place of the first one.
    shape, strides : tuple of int
        As in PyTorch: strides count elements.
    """

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def tensor(storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any = None) -> Tensor:
    """Return a tensor if it lies within its storage and has no more elements than it.

    Raises
    ------
    UnreadableError
        If not. Otherwise a file of a kilobyte could claim a tensor of terabytes.
    """
    if not isinstance(storage, Storage):
        raise UnreadableError(f"is damaged: a tensor's storage is a {type(storage).__name__}")
    dtype = storage.dtype if dtype is None else dtype
    item = np.dtype(DTYPES[dtype]).itemsize
    room = storage.count * storage.itemsize // item
    axes = [*_whole(shape), *_whole(strides), *_whole((offset,))]
    if len(shape) != len(strides) or len(shape) > _MOST_AXES or any(n < 0 for n in axes):
        raise UnreadableError(
            f"is damaged: a tensor has shape {shown(shape)}, strides {shown(strides)} and offset "
            f"{shown(offset)}"
        )
    elements = prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if elements == 0 and (offset > room or prod(n for n in shape if n) > 2**48):
        raise UnreadableError(f"is damaged: an empty tensor has shape {shown(shape)}")
    if elements > 0 and (last >= room or elements > room):
        raise UnreadableError(
            f"has a tensor of shape {shown(shape)} and strides {shown(strides)} that reaches "
            f"beyond the {room:,} numbers stored for it, or repeats them. It is damaged, or the "
            "tensor was expanded: save tensor.clone() in PyTorch"
        )
    return Tensor(storage, dtype, offset, tuple(shape), tuple(strides))


def _whole(values: Any) -> tuple[int, ...]:
    """Return the values if all are whole numbers that an index can be."""
    if isinstance(values, (tuple, list)) and all(
        type(value) is int and abs(value) < 2**62 for value in values
    ):
        return tuple(values)
    raise UnreadableError("is damaged: a tensor's shape, strides or offset are not whole numbers")


class Contents:
    """The numbers of a file: each storage is read and converted once, and shared.

    So all tensors together take no more memory than the file, or twice that where half precision
    is widened to float32.

    Parameters
    ----------
    read : callable
        Returns the bytes of a storage, in a buffer of its own that may be written to.
    swapped : bool
        Whether the file is big-endian.
    """

    def __init__(self, read: Any, swapped: bool = False) -> None:
        self._read, self._swapped = read, swapped
        self._raw: dict[str, Array] = {}
        self._known: dict[tuple[Storage, str], Array] = {}

    def array(self, described: Tensor) -> Array:
        """Return a tensor's numbers, as a view; float16 and bfloat16 as float32."""
        storage, dtype = described.storage, described.dtype
        if 0 in described.shape:
            return np.empty(described.shape, _numbers(np.empty(0, DTYPES[dtype]), dtype).dtype)
        whole = self._known.get((storage, dtype))
        if whole is None:
            if storage.key not in self._raw:
                self._raw[storage.key] = self._read(storage)
            raw = self._raw[storage.key]
            item = np.dtype(DTYPES[dtype]).itemsize
            start = storage.start * storage.itemsize
            size = storage.count * storage.itemsize // item * item
            whole = raw[start : start + size].view(DTYPES[dtype])
            if self._swapped:
                whole = whole.byteswap()
            whole = self._known[storage, dtype] = _numbers(whole, dtype)
        item = whole.itemsize
        steps = tuple(step * item for step in described.strides)
        return as_strided(whole[described.offset :], described.shape, steps)


def _numbers(raw: Array, dtype: str) -> Array:
    """Return stored numbers in a dtype that NumPy computes with."""
    if dtype == "bool":
        return raw != 0
    if dtype == "float16":
        return raw.astype(np.float32)
    if dtype == "bfloat16":  # the upper half of a float32
        wide = raw.astype(np.uint32)
        return np.left_shift(wide, np.uint32(16), out=wide).view(np.float32)
    return raw.astype(raw.dtype.newbyteorder("="), copy=False)
