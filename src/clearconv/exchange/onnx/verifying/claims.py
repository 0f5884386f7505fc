"""What a file says that it computes, read without trusting it."""

import base64
import binascii
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.package import onnx_package

_MOST_NUMBERS = 2**26  # of a golden input; ours are below a million


@dataclass(frozen=True, eq=False)
class Claims:
    """The golden input of a file, with what belongs to it.

    Attributes
    ----------
    input : str
        Name of the file's input.
    many : bool
        Whether the input's first axis counts images.
    codes : ndarray of uint8
        The golden picture, or the numbers of which a tensor is made.
    logits : list of float
        The logits that it must give.
    labels : list of str
        Classes; empty if the file has none.
    preprocessing : dict or None
        Settings of the preprocessing.
    """

    input: str
    many: bool
    codes: np.ndarray[Any, np.dtype[np.uint8]]
    logits: list[float]
    labels: list[str]
    preprocessing: dict[str, Any] | None


def parsed(content: bytes) -> Any:
    """Return a file's bytes as onnx's model.

    Raises
    ------
    ModelFileError
        If they are not an ONNX model, or parts of it are in other files.
    """
    onnx = onnx_package()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf has several, none of them public
        raise ModelFileError(f"it is not an ONNX file, or it is damaged ({error})") from None
    if not model.graph.node or not model.opset_import:
        raise ModelFileError("it is not an ONNX file: it has no operators")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ModelFileError(
                f"the numbers of {tensor.name!r} are in another file, which is not read: clearconv "
                "writes a model as one file"
            )
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelFileError(f"it is not a valid ONNX model ({first})") from None
    return model


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield all tensors of a graph, and of those inside its operators."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


def claims_of(model: Any) -> Claims:
    """Return what a file says that it computes.

    Raises
    ------
    ModelFileError
        If it has no golden input, or its metadata are damaged.
    """
    held = {entry.key: entry.value for entry in model.metadata_props}
    if names.GOLDEN not in held:
        raise ModelFileError(
            "it has no golden input to test it with. Files that clearconv exports have one; a "
            "program that changed the file may have dropped its metadata"
        )
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or inputs[0].name not in (names.IMAGE, names.TENSOR):
        found = ", ".join(repr(value.name) for value in inputs[:5]) or "none"
        raise ModelFileError(f"its inputs are {found}, but 'image' or 'x' alone is expected")
    if names.LOGITS not in {value.name for value in model.graph.output}:
        raise ModelFileError("it has no output 'logits'")
    try:
        golden = json.loads(held[names.GOLDEN])
        codes = _codes(golden)
        logits = [float(value) for value in golden["logits"]]
        labels = [str(label) for label in json.loads(held.get(names.LABELS, "[]"))]
        settings = json.loads(held.get(names.PREPROCESSING, "null"))
        if not logits or not np.isfinite(logits).all():
            raise ValueError("its logits are not finite numbers")
        if settings is not None and not isinstance(settings, dict):
            raise ValueError("its preprocessing is not a table")
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error, binascii.Error) as error:
        raise ModelFileError(f"its metadata are damaged ({error!r})") from None
    rank = len(inputs[0].type.tensor_type.shape.dim)
    many = inputs[0].name == names.TENSOR or rank == 4
    return Claims(inputs[0].name, many, codes, logits, labels, settings)


def _codes(golden: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Unpack the golden input, in no more memory than its stated shape takes."""
    shape = tuple(golden["shape"])
    if not shape or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(f"shape {shape!r}")
    if (size := prod(shape)) > _MOST_NUMBERS:
        raise ValueError(f"a golden input of {size:,} numbers")
    unpacked = zlib.decompressobj().decompress(base64.b64decode(golden["zlib"]), size + 1)
    return np.frombuffer(unpacked, np.uint8).reshape(shape)
