"""What a file says of itself: labels, preprocessing, hashes, versions, test accuracy."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearconv.data import Preprocessing
from clearconv.errors import ArgumentError, DataError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.package import onnx_package
from clearconv.exchange.onnx.writing.golden import Golden
from clearconv.exchange.onnx.writing.pixels.picture import DEFINITION
from clearconv.layers import Node
from clearconv.version import __version__


def preprocessing_of(model: Node, input: str | None) -> Preprocessing | None:
    """Return the preprocessing that a file will hold; None if it takes tensors.

    Parameters
    ----------
    model : Node
        Built model.
    input : {"image", "tensor", None}
        As for ``export_onnx``.

    Returns
    -------
    Preprocessing or None

    Raises
    ------
    DataError
        If "image" is asked for and the model's preprocessing is missing, does not fit it, or is
        of another definition of pixels than the graph's.
    """
    settings = model.info.get("preprocessing")
    if input == "tensor" or (input is None and settings is None):
        return None
    if settings is None:
        raise DataError(
            "export_onnx: the model does not say how its images are prepared "
            "(model.info['preprocessing']), which a file that takes pictures must hold. Export it "
            "with `input='tensor'`."
        )
    preprocessing = Preprocessing.from_dict(settings)
    gives = (preprocessing.channels, *preprocessing.size)
    if gives != model.input_shape:
        raise DataError(
            f"export_onnx: the model's preprocessing gives {gives}, but its network takes "
            f"{model.input_shape}. Export it with `input='tensor'`."
        )
    if preprocessing.definition != DEFINITION and preprocessing.resize != "none":
        raise DataError(
            "export_onnx: the model learnt from pixels of definition "
            f"{preprocessing.definition}, which depend on the version of Pillow; a file gives "
            f"those of definition {DEFINITION}. Export it with `input='tensor'`, or train it again "
            "with this version."
        )
    return preprocessing


def metadata(
    model: Node, golden: Golden, options: Mapping[str, Any], test: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return a file's metadata, text for each key.

    Parameters
    ----------
    model : Node
        The exported model.
    golden : Golden
        Input and logits that the file is tested with.
    options : mapping
        How it was exported.
    test : mapping, optional
        How the model did on test images.

    Returns
    -------
    dict

    Raises
    ------
    ArgumentError
        If something is not plain data.
    """
    versions = {"clearconv": __version__, "numpy": np.__version__}
    found = {
        names.LABELS: model.info.get("classes"),
        names.PREPROCESSING: model.info.get("preprocessing"),
        names.VERSIONS: {**versions, "onnx": onnx_package().__version__},
        names.OPTIONS: dict(options),
        names.TEST: None if test is None else dict(test),
    }
    try:
        texts = {
            key: json.dumps(value, ensure_ascii=False, allow_nan=False)
            for key, value in found.items()
            if value is not None
        }
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"export_onnx: the file's metadata must be text, finite numbers, lists and dicts of "
            f"these ({error}). Change `test`, or what model.info holds."
        ) from None
    return {
        **texts,
        names.WEIGHTS_SHA256: model.store.fingerprint(),
        names.GOLDEN: golden.to_text(),
    }


def in_words(model: Node, preprocessing: Preprocessing | None) -> str:
    """Return a description for people who open the file elsewhere."""
    labels = model.info.get("classes") or ()
    takes = "a tensor as its network sees it"
    if preprocessing is not None:
        takes = "pictures of uint8, red, green, blue, and prepares them itself"
    of = f" of {len(labels)} classes (metadata: labels)" if labels else ""
    return (
        f"Made by clearconv {__version__}: a network{of} that takes {takes}. The metadata hold a "
        "golden input with its logits: clearconv verify FILE runs it in several engines."
    )
