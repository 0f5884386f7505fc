"""``load_onnx``: a model from somebody else's file, ready to run, explain and train."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Shape
from clearconv.errors import ClearconvError, ModelFileError
from clearconv.exchange.onnx.reading.file import read_model
from clearconv.exchange.onnx.reading.naming import INPUT
from clearconv.exchange.onnx.reading.own import info_of, is_own, network_of
from clearconv.exchange.onnx.reading.plain import Model
from clearconv.exchange.onnx.reading.values import Value
from clearconv.exchange.onnx.reading.walk import Reading, walk
from clearconv.layers import Graph
from clearconv.layers.loading import with_weights
from clearconv.words import cut, meant

#: Outputs that are preferred to others, where a file has several.
_PREFERRED = ("logits",)


def load_onnx(
    path: str | Path, *, output: str | None = None, input_shape: Shape | None = None
) -> Graph:
    """Read a convolutional network from an ONNX file.

    Constants are folded, arithmetic on shapes is resolved, automatic padding becomes explicit, and
    what does nothing in evaluation is removed. The weights keep the names that they have in the
    file. Nothing in the file is run.

    Parameters
    ----------
    path : str or Path
        The file. Tensors in files beside it (external data) are read too.
    output : str, optional
        Name of the value to compute; by default "logits" if the file has an output of that name,
        else its first. Of a file that clearconv wrote the network alone is read.
    input_shape : tuple of int
        Shape of one input, without the batch axis, if the file leaves it open.

    Returns
    -------
    Graph
        The model, built, with its weights. ``info["onnx"]`` names its output and holds the file's
        metadata; of a file that clearconv wrote there are classes and preprocessing, too.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or needs what is not supported: then the message lists
        every operator and attribute that is missing.
    ArgumentError
        If the package onnx is not installed.

    Examples
    --------
    >>> import clearconv
    >>> model = clearconv.load_onnx("resnet18.onnx")  # doctest: +SKIP
    >>> model.predict(images)  # doctest: +SKIP
    """
    return read_graph(path, output=output, input_shape=input_shape)


def read_graph(
    path: str | Path,
    *,
    output: str | None = None,
    input_shape: Shape | None = None,
    to_train: bool = False,
) -> Graph:
    """Read a network; `to_train` ends it in a row of logits, as the loss needs it.

    Parameters
    ----------
    path, output, input_shape
        As for ``load_onnx``.
    to_train : bool
        Whether a last softmax is left out, and maps of one pixel become a row.

    Returns
    -------
    Graph

    Raises
    ------
    ModelFileError, ArgumentError
        As ``load_onnx``.
    """
    found = network_of(read_model(path))
    name = _output(found, output)
    if to_train:
        name = _before_softmax(found, name)
    graph = _built(found, name, walk(found, [name], input_shape, rows=to_train))
    graph.info.update(info_of(found))
    return graph


def _before_softmax(model: Model, name: str) -> str:
    """Return what the last softmax reads, if there is one."""
    makers = {output: one for one in model.operators for output in one.outputs}
    maker = makers.get(name)
    if maker is not None and maker.kind in ("Softmax", "LogSoftmax", "Identity") and maker.inputs:
        return _before_softmax(model, maker.inputs[0]) if maker.inputs[0] in makers else name
    return name


def _output(model: Model, wanted: str | None) -> str:
    """Return the name of the value to compute."""
    made = {name for operator in model.operators for name in operator.outputs if name}
    if wanted is not None:
        if wanted not in made:
            raise ModelFileError(
                f"{model.path} computes no value {cut(repr(wanted), 80)}; its outputs are "
                f"{', '.join(map(repr, model.outputs))}.{meant(wanted, made)}"
            )
        return wanted
    if not model.outputs:
        raise ModelFileError(f"{model.path} has no outputs.")
    return next((name for name in _PREFERRED if name in model.outputs), model.outputs[0])


def _built(model: Model, output: str, reading: Reading) -> Graph:
    """Return the graph with its weights."""
    (result,) = reading.results
    if not isinstance(result, Value):
        raise ModelFileError(f"{model.path}: the output {output!r} does not depend on the input.")
    nodes = [(step.name, step.layer, *step.inputs) for step in reading.steps]
    dtype = _dtype(model)
    try:
        graph = Graph(*nodes, inputs=(INPUT,), outputs=(result.node,))
        with_weights(graph, reading.input_shape, dtype, reading.weights)
    except ClearconvError as error:
        raise ModelFileError(f"{model.path}: {error}") from None
    graph.info["onnx"] = _about(model, output, reading, result)
    return graph


def _dtype(model: Model) -> str:
    """Return the dtype to compute in: float64 where float32 cannot hold the input's numbers."""
    dtypes = {one.dtype for one in model.inputs}
    exact = all(np.can_cast(dtype, np.float32) for dtype in dtypes)
    return "float32" if exact else "float64"


def _about(model: Model, output: str, reading: Reading, result: Value) -> dict[str, Any]:
    return {
        "file": model.path.name,
        "opset": model.opset,
        "output": output,
        "batched": reading.batched,
        "shape": list(result.shape),
        "metadata": {} if is_own(model) else _short(model.metadata),
    }


def _short(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a file's metadata, as much as fits a model's description."""
    kept = list(metadata.items())[:100]
    return {cut(key, 200): cut(value, 2000) for key, value in kept}
