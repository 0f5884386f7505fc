"""``export_onnx``: a model as an ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from clearconv.data import Preprocessing
from clearconv.errors import ArgumentError, ModelFileError, ShapeError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.exchange.onnx.writing.about import in_words, metadata, preprocessing_of
from clearconv.exchange.onnx.writing.abstaining import write_abstaining
from clearconv.exchange.onnx.writing.golden import Golden
from clearconv.exchange.onnx.writing.head import write_activation_map, write_answers
from clearconv.exchange.onnx.writing.network import write_network
from clearconv.exchange.onnx.writing.numbers import Numbers
from clearconv.exchange.onnx.writing.pixels.picture import write_pixels
from clearconv.exchange.onnx.writing.proto import OPSET, OPSETS, Value, to_bytes
from clearconv.files import write_atomically
from clearconv.layers import Node
from clearconv.layers.wiring.places import Places, wire
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.abstaining.distance import head_of


def export_onnx(
    model: Node,
    path: str | Path,
    *,
    input: Literal["image", "tensor"] | None = None,
    batch: bool = False,
    batch_norm: Literal["fold", "keep"] = "fold",
    weights: Literal["float32", "float16", "bf16"] = "float32",
    opset: int = OPSET,
    test: Mapping[str, Any] | None = None,
    abstainer: Abstainer | None = None,
) -> None:
    """Write a model as an ONNX file, which other programs run.

    Parameters
    ----------
    model : Node
        Built model. Its ``info`` may hold ``classes`` and ``preprocessing``, as that of a trained
        model does.
    path : str or Path
        Path of the file, usually ending in ``.onnx``. An existing file is replaced.
    input : {"image", "tensor"}, optional
        "image": the file takes pictures of any size, uint8 (H, W, 3), and holds the preprocessing;
        "tensor": it takes what the network sees, float32 (1, C, H, W). By default the former for a
        model that knows its preprocessing.
    batch : bool
        Whether the file takes any number of inputs at once: (N, H, W, 3) or (N, C, H, W).
    batch_norm : {"fold", "keep"}
        Whether batch norms become a part of the filters before them, where nothing else reads
        those, or remain operators of their own.
    weights : {"float32", "float16", "bf16"}
        Dtype in which filters and matrices are kept; everything is computed in float32.
    opset : int
        Version of ONNX's operators, from 13 on. 17 is read by every runtime that was tried.
    test : mapping, optional
        How the model did on test images, as plain data; the file carries it.
    abstainer : Abstainer, optional
        When the model gives no answer; the file then has outputs that say so.

    Raises
    ------
    ArgumentError
        If a layer has no form in ONNX (names all that have none), a setting is unknown, or the
        package onnx is not installed.
    DataError
        If the preprocessing is missing, or of an earlier definition of pixels, for "image".
    ShapeError
        If the model is not built.
    ModelFileError
        If the file cannot be written.

    Notes
    -----
    Outputs for models that give a number for each class: ``logits``, ``probabilities``,
    ``class_index`` and, where maps are averaged before the last layer, ``activation_map``. Others
    give ``logits`` alone. ``docs/onnx.md`` describes the file.
    """
    _check("batch_norm", batch_norm, ("fold", "keep"))
    _check("weights", weights, ("float32", "float16", "bf16"))
    _check("input", input, ("image", "tensor", None))
    if opset not in OPSETS:
        raise ArgumentError(
            f"export_onnx: opset={opset!r}, but it must be from {OPSETS[0]} to {OPSETS[-1]}. "
            f"{OPSET}, the default, is read by most programs."
        )
    if not model.input_shape:
        raise ShapeError("export_onnx: the model is not built, so it has no weights to write.")
    preprocessing = preprocessing_of(model, input)
    places = wire("export", model)
    numbers = Numbers.of(model, places, batch_norm == "fold", weights)
    to = Writer(opset, numbers.arrays, numbers.stored)
    if preprocessing is None:
        given = Value(names.TENSOR, "float", ("N" if batch else 1, *model.input_shape))
        x = to.free(names.TENSOR)
    else:
        given = _pictures(preprocessing, batch)
        x = write_pixels(to.free(names.IMAGE), preprocessing, batch, to)
        x = to.rename(x, names.TENSOR)
    values = write_network(places, x, to)
    outputs = _outputs(model, places, values, given, abstainer, to)
    options = {"input": given.name, "batch": batch, "batch_norm": batch_norm, "weights": weights}
    exact = numbers.as_model(model) if numbers.stored else model
    made = to_bytes(
        to,
        [given],
        outputs,
        metadata(model, Golden.of(exact, preprocessing), {**options, "opset": opset}, test),
        in_words(model, preprocessing),
    )
    try:
        write_atomically(Path(path), made)
    except OSError as error:
        raise ModelFileError(
            f"The model cannot be exported as {path}: {error.strerror or error}"
        ) from error


def _pictures(preprocessing: Preprocessing, batch: bool) -> Value:
    """Return the input of a file that takes pictures."""
    size: tuple[int | str, ...] = ("H", "W")
    if preprocessing.resize == "none":
        size = preprocessing.size
    return Value(names.IMAGE, "uint8", (*("N" for _ in range(batch)), *size, 3))


def _outputs(
    model: Node,
    places: Places,
    values: dict[str, str],
    given: Value,
    abstainer: Abstainer | None,
    to: Writer,
) -> list[Value]:
    """Add what follows the network, and return the outputs of the file."""
    one = given.dtype == "uint8" and len(given.shape) == 3  # a picture by itself: no axis for many
    first: tuple[int | str, ...] = () if one else given.shape[:1]
    y, shape = values[places.end], model.output_shape
    found: dict[str, tuple[str, str, tuple[int, ...]]] = {names.LOGITS: (y, "float", shape)}
    if len(shape) == 1:
        probabilities, index = write_answers(y, to)
        found[names.PROBABILITIES] = (probabilities, "float", shape)
        found[names.CLASS_INDEX] = (index, "int64", ())
        heat = write_activation_map(places, values, index, model.input_shape, to)
        if heat is not None:
            found[names.ACTIVATION_MAP] = (heat, "float", model.input_shape[1:])
    if abstainer is not None:
        made = write_abstaining(abstainer, head_of(model), places, values, y, to)
        found[names.CALIBRATED] = (made[0], "float", shape)
        found[names.DISTANCE] = (made[1], "float", ())
        found[names.REFUSED] = (made[2], "bool", ())
    axis = [to.constant([0], "first", "int64")] if one else []
    listed = []
    for name, (value, dtype, sizes) in found.items():
        named = to.op("Squeeze", value, *axis, name=name) if one else to.rename(value, name)
        listed.append(Value(named, dtype, (*first, *sizes)))
    return listed


def _check(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise ArgumentError(f"export_onnx: {name}={value!r}, but it must be one of {listed}.")
