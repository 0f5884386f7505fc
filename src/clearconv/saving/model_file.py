"""A model as one safetensors file: architecture, weights, and what belongs to them. No pickle."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ModelFileError
from clearconv.files import write_atomically
from clearconv.layers.base.node import Node
from clearconv.layers.base.spec import from_spec, to_spec
from clearconv.layers.base.store import update_digest
from clearconv.saving.header import (
    MOST_HEADER,
    DamagedFileError,
    check_header,
    check_outputs,
    check_tensors,
    description,
)

_KEY = "clearconv"
_CHECKSUM = "sha256"
_EXTRA = "extra/"
_NAMES = {"float32": "F32", "float64": "F64", "int64": "I64"}


def to_bytes(model: Node, extra: dict[str, Array] | None = None) -> bytes:
    """Return the file's content; `extra` adds tensors, such as an optimiser's state."""
    about = {
        "spec": to_spec(model),
        "input_shape": list(model.input_shape),
        "dtype": str(model.store.dtype),
        "info": model.info,
    }
    arrays = {**model.store.parameters, **model.store.buffers}  # no copies: models can be large
    tensors = {path: np.ascontiguousarray(array) for path, array in arrays.items()}
    for name, array in (extra or {}).items():
        tensors[_EXTRA + name] = np.ascontiguousarray(array)
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


def save(model: Node, path: str | Path) -> None:
    """Write a built model; the file is whole or not there, whatever happens meanwhile."""
    content = to_bytes(model)
    try:
        write_atomically(Path(path), content)
    except OSError as error:  # it may name a temporary file, of which nobody knows
        raise ModelFileError(
            f"The model cannot be saved as {path}: {error.strerror or error}"
        ) from error


def load(path: str | Path) -> Node:
    """Read a model that ``model.save`` wrote, from wherever it comes: nothing in it is run.

    Parameters
    ----------
    path : str or Path
        A safetensors file.

    Returns
    -------
    Node
        Built, with its weights; ``model.info`` holds classes, preprocessing and history.

    Raises
    ------
    ModelFileError
        If the file is not there, damaged, not a clearconv model, or needs a layer or activation
        that is not registered. No memory beyond the file's own size is taken before that is known.
    """
    return load_with_extra(path)[0]


def load_with_extra(path: str | Path) -> tuple[Node, dict[str, Array]]:
    """Read a model and the tensors that were saved beside it."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        raise ModelFileError(
            f"{path} is a folder, but a .safetensors file is expected. If it is the folder of a "
            f"training run, load {path / 'best.safetensors'}."
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
                    "without an architecture. Make the model and use load_state_dict."
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
    model, dtype = _described(path, metadata[_KEY], tensors)
    model._allocate(0, dtype, draw=False)
    model.load_state_dict(tensors)
    return model, extra


def _described(path: Path, text: str, tensors: Mapping[str, Array]) -> tuple[Node, str]:
    """Make the model that the file describes, without memory yet: all of it must be there."""
    about = description(path, text)
    try:
        model, dtype = from_spec(about["spec"]), str(about["dtype"])
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype {dtype!r} is neither float32 nor float64")
        model._lay_out(tuple(about["input_shape"]))
        model.info = dict(about["info"])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except Exception as error:  # a made-up description may break any layer in any way
        raise ModelFileError(f"{path}: the model's description is damaged: {error!r}") from None
    check_outputs(path, model)
    check_tensors(path, model, dtype, tensors)
    return model, dtype


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
    """Return the SHA-256 over all that the file holds."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(tensors.items()):
        update_digest(digest, name, array)
    return digest.hexdigest()
