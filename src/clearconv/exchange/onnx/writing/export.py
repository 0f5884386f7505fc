"""``export_onnx``: a model as an ONNX file."""

from pathlib import Path
from typing import Literal

from clearconv.errors import ArgumentError, ModelFileError, ShapeError
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.exchange.onnx.writing.network import write_network
from clearconv.exchange.onnx.writing.numbers import Numbers
from clearconv.exchange.onnx.writing.proto import OPSET, OPSETS, Value, to_bytes
from clearconv.files import write_atomically
from clearconv.layers import Node
from clearconv.layers.wiring.places import wire


def export_onnx(
    model: Node,
    path: str | Path,
    *,
    batch: bool = False,
    batch_norm: Literal["fold", "keep"] = "fold",
    weights: Literal["float32", "float16", "bf16"] = "float32",
    opset: int = OPSET,
) -> None:
    """Write a model as an ONNX file.

    Parameters
    ----------
    model : Node
        Built model.
    path : str or Path
        Path of the file, usually ending in ``.onnx``. An existing file is replaced.
    batch : bool
        Whether the file takes any number of inputs at once; otherwise it takes one.
    batch_norm : {"fold", "keep"}
        Whether batch norms become a part of the filters before them, where nothing else reads
        those, or remain operators of their own.
    weights : {"float32", "float16", "bf16"}
        Dtype in which filters and matrices are kept; everything is computed in float32.
    opset : int
        Version of ONNX's operators, from 13 on. 17 is read by every runtime that was tried.

    Raises
    ------
    ArgumentError
        If a layer has no form in ONNX (names all that have none), a setting is unknown, or the
        package onnx is not installed.
    ShapeError
        If the model is not built.
    ModelFileError
        If the file cannot be written.
    """
    _check("batch_norm", batch_norm, ("fold", "keep"))
    _check("weights", weights, ("float32", "float16", "bf16"))
    if opset not in OPSETS:
        raise ArgumentError(
            f"export_onnx: opset={opset!r}, but it must be from {OPSETS[0]} to {OPSETS[-1]}. "
            f"{OPSET}, the default, is read by most programs."
        )
    if not model.input_shape:
        raise ShapeError("export_onnx: the model is not built, so it has no weights to write.")
    graph = wire("export", model)
    numbers = Numbers.of(model, graph, batch_norm == "fold", weights)
    to = Writer(opset, numbers.arrays, numbers.stored)
    N: int | str = "N" if batch else 1
    values = write_network(graph, to.free("x"), to)
    y = to.rename(values[graph.end], "logits")
    made = to_bytes(
        to,
        [Value("x", "float", (N, *model.input_shape))],
        [Value(y, "float", (N, *model.output_shape))],
        {},
        "",
    )
    try:
        write_atomically(Path(path), made)
    except OSError as error:
        raise ModelFileError(
            f"The model cannot be exported as {path}: {error.strerror or error}"
        ) from error


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise ArgumentError(f"export_onnx: {name}={value!r}, but it must be one of {listed}.")
