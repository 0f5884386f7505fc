"""Safetensors files that hold weights alone, as other libraries write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ModelFileError
from clearconv.saving.header import check_header

#: What marks a model of clearconv's own in the metadata.
_OURS = "clearconv"
_WIDENED = {"F16": np.float16, "BF16": np.uint16}
_KEPT = ("F32", "F64", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")


def holds_weights_alone(path: Path) -> bool:
    """Return whether a file is in the safetensors format, and not a model of clearconv's own."""
    with path.open("rb") as file:
        head = file.read(9)
    size = path.stat().st_size
    if head[8:] != b"{" or not 2 <= int.from_bytes(head[:8], "little") <= size - 8:
        return False
    try:
        return _OURS not in (_opened(path)[0].get("__metadata__") or {})
    except ModelFileError:
        return False  # it is damaged, as whoever reads it will say


def read_weights(path: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Read the arrays of a file, in no more memory than twice its own size.

    Returns
    -------
    arrays : dict
        Name -> array; float16 and bfloat16 as float32.
    ignored : tuple of str
        Names of arrays in other formats, with these.

    Raises
    ------
    ModelFileError
        If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    header, start = _opened(path)
    arrays: dict[str, Array] = {}
    ignored = []
    try:
        with safe_open(path, framework="numpy") as file:  # it has checked every place by now
            for name in file.keys():  # noqa: SIM118
                kind = file.get_slice(name).get_dtype()
                if kind in _KEPT:
                    arrays[name] = file.get_tensor(name)
                elif kind in _WIDENED:
                    arrays[name] = _wide(path, start, header[name])
                else:
                    ignored.append(f"{name} ({kind})")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: {error}. Was it cut off in copying?") from None
    return arrays, tuple(ignored)


def _opened(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header, and where the arrays begin."""
    check_header(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length)
    try:
        header = dict(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} is damaged: its header is no table ({error}).") from None
    return header, 8 + length


def _wide(path: Path, start: int, entry: dict[str, Any]) -> Array:
    """Return an array of half precision as float32."""
    first, end = entry["data_offsets"]
    raw = np.fromfile(path, _WIDENED[entry["dtype"]], (end - first) // 2, offset=start + first)
    if entry["dtype"] == "F16":
        return raw.astype(np.float32).reshape(entry["shape"])
    wide = raw.astype(np.uint32)  # bfloat16 is the upper half of a float32
    return np.left_shift(wide, np.uint32(16), out=wide).view(np.float32).reshape(entry["shape"])
