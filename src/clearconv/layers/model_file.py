"""A model as one safetensors file: architecture, weights, and what belongs to them. No pickle."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from clearconv._files import write_atomically
from clearconv.errors import ClearconvError, ModelFileError
from clearconv.layers._node import Node
from clearconv.layers.spec import from_spec, to_spec
from clearconv.ops._arrays import Array

_KEY = "clearconv"


def to_bytes(model: Node, extra: dict[str, Array] | None = None) -> bytes:
    """Return the file's content; `extra` adds tensors, such as an optimiser's state."""
    from safetensors.numpy import save as to_safetensors  # not at import: predicting needs it not

    about = {
        "spec": to_spec(model),
        "input_shape": list(model.input_shape),
        "dtype": str(model.store.dtype),
        "info": model.info,
    }
    tensors = {path: np.ascontiguousarray(array) for path, array in model.state_dict().items()}
    for name, array in (extra or {}).items():
        tensors[f"extra/{name}"] = np.ascontiguousarray(array)
    try:
        text = json.dumps(about)
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"The model cannot be saved: {error}. model.info and the layers' arguments may hold "
            "text, numbers, True, False, None, lists, and dictionaries of these."
        ) from None
    return to_safetensors(tensors, metadata={_KEY: text})


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
    """Read a model that ``model.save`` wrote.

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
        that is not registered.
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
        raise ModelFileError(f"{path}: there is no such file; a .safetensors model is expected.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if _KEY not in metadata:
                raise ModelFileError(
                    f"{path} is a safetensors file, but not a clearconv model: it holds weights "
                    "without an architecture. Make the model and use load_state_dict."
                )
            about = json.loads(metadata[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{path} is not a whole clearconv model: {error}. Was it cut off while copying?"
        ) from None
    extra = {
        name.removeprefix("extra/"): tensors.pop(name)
        for name in list(tensors)
        if name.startswith("extra/")
    }
    model = _build(about)
    model.load_state_dict(tensors)
    return model, extra


def _build(about: dict[str, Any]) -> Node:
    try:
        model = from_spec(about["spec"])
        model.build(tuple(about["input_shape"]), dtype=about["dtype"])
        model.info = dict(about["info"])
    except ModelFileError:
        raise
    except (ClearconvError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"The model's description is damaged: {error!r}") from None
    return model
