"""Files that clearconv wrote: their network alone, with the labels and the preprocessing."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from clearconv.data import Preprocessing
from clearconv.errors import ClearconvError, ModelFileError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.reading.plain import Input, Model


def is_own(model: Model) -> bool:
    """Return whether a file says that ``clearconv export`` wrote it."""
    return names.WEIGHTS_SHA256 in model.metadata and "clearconv" in _entry(
        model, names.VERSIONS, {}
    )


def network_of(model: Model) -> Model:
    """Return the part of an own file that is the network; any other file as it is.

    What prepares a picture, and what follows the logits, stays out: the first is the model's
    preprocessing here, the second its users' business.

    Raises
    ------
    ModelFileError
        If what the file says of itself cannot be used.
    """
    if not is_own(model):
        return model
    operators = list(model.operators)
    inputs = list(model.inputs)
    if any(one.name == names.IMAGE for one in inputs):
        about = preprocessing_of(model)
        if about is None:
            raise ModelFileError(
                f"{model.path} takes pictures, but does not say how it reads them."
            )
        shape = (None, about.channels, *about.size)
        inputs = [Input(names.TENSOR, shape, np.dtype(np.float32))]
        operators = [one for one in operators if names.TENSOR not in one.outputs]
    last = next((one for one in operators if names.LOGITS in one.outputs), None)
    outputs = model.outputs
    if last is not None and last.kind == "Squeeze":  # of one picture, without a batch axis
        outputs = (last.inputs[0],)
    elif last is not None:
        outputs = (names.LOGITS,)
    return replace(model, operators=operators, inputs=inputs, outputs=outputs)


def info_of(model: Model) -> dict[str, Any]:
    """Return what an own file says of its classes and preprocessing, as ``model.info`` holds it."""
    if not is_own(model):
        return {}
    about = preprocessing_of(model)
    found = {"classes": _entry(model, names.LABELS, None)}
    found["preprocessing"] = None if about is None else about.to_dict()
    return {key: value for key, value in found.items() if value is not None}


def preprocessing_of(model: Model) -> Preprocessing | None:
    """Return the preprocessing that an own file describes."""
    settings = _entry(model, names.PREPROCESSING, None)
    if settings is None:
        return None
    try:
        return Preprocessing.from_dict(settings)
    except (AttributeError, KeyError, TypeError, ValueError, ClearconvError) as error:
        raise ModelFileError(f"{model.path}: its preprocessing cannot be used: {error}") from None


def _entry(model: Model, key: str, default: Any) -> Any:
    """Return an entry of the metadata that is JSON."""
    try:
        return json.loads(model.metadata[key]) if key in model.metadata else default
    except (RecursionError, ValueError) as error:
        raise ModelFileError(f"{model.path}: the metadata {key!r} are damaged: {error}") from None
