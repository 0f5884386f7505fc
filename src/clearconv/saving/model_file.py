"""A model as one safetensors file: architecture, weights and what belongs to them. No pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ModelFileError
from clearconv.files import write_atomically
from clearconv.saving.digest import update_digest
from clearconv.saving.header import MOST_HEADER, DamagedFileError, check_header, description
from clearconv.words import some

_KEY = "clearconv"
_CHECKSUM = "sha256"
_EXTRA = "extra/"
_NAMES = {"float32": "F32", "float64": "F64", "int64": "I64"}


@dataclass(frozen=True)
class Content:
    """A model as plain data and arrays: everything that a file holds.

    Attributes
    ----------
    spec : dict
        Architecture of the model, see ``from_spec``.
    input_shape : tuple of int
        Shape of one input.
    dtype : str
        "float32" or "float64".
    info : dict
        Any data that JSON can hold.
    tensors : dict
        Path -> parameter or running statistics.
    extra : dict
        Name -> array saved with the model, such as an optimiser's state.
    """

    spec: dict[str, Any]
    input_shape: Shape
    dtype: str
    info: dict[str, Any]
    tensors: dict[str, Array]
    extra: dict[str, Array]


def to_bytes(content: Content) -> bytes:
    """Return the file's bytes."""
    about = {
        "spec": content.spec,
        "input_shape": list(content.input_shape),
        "dtype": content.dtype,
        "info": content.info,
    }
    arrays = {**content.tensors, **{_EXTRA + name: array for name, array in content.extra.items()}}
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        text = json.dumps(about, allow_nan=False)
        header = _header(tensors, {_KEY: text, _CHECKSUM: _checksum(tensors, text)})
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"The model cannot be saved: {error}. model.info and the layers' arguments may hold "
            "text, finite numbers, True, False, None, lists, and dictionaries of these."
        ) from None
    if len(header) > MOST_HEADER:
        raise ModelFileError(
            f"The model cannot be saved: its description, with model.info, takes more than "
            f"{MOST_HEADER:,} bytes, which no file may have. Keep less in model.info."
        )
    data = [tensors[name].data for name in _order(tensors)]
    return b"".join([len(header).to_bytes(8, "little"), header, *data])


def save(content: Content, path: str | Path) -> None:
    """Write a model; the file is complete or absent, whatever happens meanwhile."""
    made = to_bytes(content)
    try:
        write_atomically(Path(path), made)
    except OSError as error:  # it may name a temporary file that the user does not know of
        raise ModelFileError(
            f"The model cannot be saved as {path}: {error.strerror or error}"
        ) from error


def read(path: Path) -> Content:
    """Read what a file holds, in no more memory than its own size.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or not a clearconv model.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        models = some(sorted(file.name for file in path.glob("*.safetensors")))
        raise ModelFileError(
            f"{path} is a folder, but a .safetensors file is expected. Load a file in it: {models}."
        )
    if not path.is_file():
        what = "this is not a regular file" if path.exists() else "there is no such file"
        raise ModelFileError(f"{path}: {what}; a .safetensors model is expected.")
    try:
        check_header(path)
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if _KEY not in metadata:
                raise ModelFileError(
                    f"{path} is a safetensors file, but not a clearconv model: it holds weights "
                    "without an architecture. Start a run from them, "
                    "`start=clearconv.exchange.start_from(FILE)`, or make the model and use "
                    "load_state_dict."
                )
            for name in file.keys():  # noqa: SIM118
                if (kind := file.get_slice(name).get_dtype()) not in _NAMES.values():
                    raise ModelFileError(f"{path}: {name} is {kind}, which no clearconv writes.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise DamagedFileError(
            f"{path} is not a whole clearconv model: {error}. Was it cut off while copying?"
        ) from None
    except MemoryError:
        raise ModelFileError(
            f"{path}: a file of {path.stat().st_size:,} bytes does not fit into memory."
        ) from None
    if metadata.get(_CHECKSUM, "") not in ("", _checksum(tensors, metadata[_KEY])):
        raise DamagedFileError(
            f"{path} is damaged: what it holds is not what was written (its SHA-256 differs). "
            "Was it changed after it was saved, or is the disk at fault?"
        )
    extra = {
        name.removeprefix(_EXTRA): tensors.pop(name)
        for name in list(tensors)
        if name.startswith(_EXTRA)
    }
    about = description(path, metadata[_KEY])
    try:
        dtype = str(about["dtype"])
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype {dtype!r} is neither float32 nor float64")
        shape, info = tuple(about["input_shape"]), dict(about["info"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: the model's description is damaged: {error!r}") from None
    return Content(about["spec"], shape, dtype, info, tensors, extra)


def _header(tensors: Mapping[str, Array], metadata: dict[str, str]) -> bytes:
    """Return the header of a safetensors file, the same bytes for the same content.

    The safetensors package writes the metadata in an order that differs from process to process.
    """
    described: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name in _order(tensors):
        array = tensors[name]
        described[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 8)  # arrays begin at a multiple of 8


def _order(tensors: Mapping[str, Array]) -> list[str]:
    """Return the names as the file has them: large elements first, so that all are aligned."""
    return sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))


def _checksum(tensors: Mapping[str, Array], text: str) -> str:
    """Return the SHA-256 of everything that the file holds."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(tensors.items()):
        update_digest(digest, name, array)
    return digest.hexdigest()
