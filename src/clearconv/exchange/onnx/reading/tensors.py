"""The tensors of an ONNX file as arrays, never larger than what the file holds."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import AnyArray
from clearconv.words import cut

#: ONNX's number of a dtype -> NumPy's dtype of the stored bytes. bfloat16 becomes float32.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    4: np.dtype("<u2"),
    5: np.dtype("<i2"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    12: np.dtype("<u4"),
    13: np.dtype("<u8"),
    16: np.dtype("<u2"),
}
BFLOAT16 = 16
_NAMES = {8: "text", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 21: "uint4", 22: "int4"}
_MOST_AXES = 32

#: Returns bytes `offset` to `offset + length` of a file of external data; length None: to the end.
External = Callable[[str, int, int | None], Any]


def dtype_of(number: int) -> np.dtype[Any]:
    """Return the dtype in which the numbers of an ONNX dtype are held here.

    Raises
    ------
    ModelFileError
        If there is none, as for text and numbers of less than a byte.
    """
    if number == BFLOAT16:
        return np.dtype("float32")
    if number not in DTYPES:
        raise ModelFileError(f"dtype {_NAMES.get(number, number)} is not supported")
    return DTYPES[number]


def array_of(tensor: Any, external: External) -> AnyArray:
    """Return a tensor's numbers.

    Parameters
    ----------
    tensor : TensorProto
        A tensor of the file.
    external : callable
        Reads tensors that are kept in another file.

    Raises
    ------
    ModelFileError
        If the numbers are missing, too few or too many for the shape, or of no known dtype.
    """
    shape = tuple(tensor.dims)
    if len(shape) > _MOST_AXES or any(size < 0 for size in shape):
        raise ModelFileError(f"its shape is {cut(str(list(shape)), 60)}")
    kind, count = tensor.data_type, prod(shape)
    dtype = dtype_of(kind)
    stored = DTYPES[kind]
    if tensor.data_location == 1:  # EXTERNAL
        raw: Any = _external(tensor.external_data, external, count * stored.itemsize)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        return _listed(tensor, kind, shape).astype(dtype, copy=False)
    if len(raw) != count * stored.itemsize:
        raise ModelFileError(
            f"its shape {cut(str(list(shape)), 60)} needs {count * stored.itemsize:,} bytes, but "
            f"there are {len(raw):,}"
        )
    array = np.frombuffer(raw, stored).reshape(shape)
    return widened(array) if kind == BFLOAT16 else array


def text_of(value: str | bytes) -> str:
    """Return text; protobuf gives bytes where a file's are not UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def widened(bits: AnyArray) -> AnyArray:
    """Return bfloat16 numbers, given as the uint16 of their bits, as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _external(entries: Sequence[Any], external: External, needed: int) -> Any:
    about = {text_of(entry.key): text_of(entry.value) for entry in entries}
    try:
        offset, length = int(about.get("offset", 0)), int(about.get("length", needed))
    except ValueError:
        raise ModelFileError("where its external data lie is not a number") from None
    if offset < 0 or length < 0:
        raise ModelFileError("its external data begin before their file, or have less than 0 bytes")
    return external(about.get("location", ""), offset, length)


def _listed(tensor: Any, kind: int, shape: tuple[int, ...]) -> AnyArray:
    """Return numbers that the file lists one by one."""
    fields = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data"}
    fields |= {13: "uint64_data"}
    values = getattr(tensor, fields.get(kind, "int32_data"))
    if len(values) != prod(shape):
        raise ModelFileError(
            f"its shape {cut(str(list(shape)), 60)} needs {prod(shape):,} numbers, but there are "
            f"{len(values):,}"
        )
    if kind in (10, BFLOAT16):
        bits = np.array(values, np.int32).astype(np.uint16)
        found: AnyArray = widened(bits) if kind == BFLOAT16 else bits.view(np.float16)
        return found.reshape(shape)
    wide = {"int32_data": np.int32, "uint64_data": np.uint64}
    dtype = wide.get(fields.get(kind, "int32_data"), DTYPES[kind])
    return np.array(values, dtype).reshape(shape).astype(DTYPES[kind])
