"""Read an ONNX file as plain data, in memory that its own size bounds."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.package import onnx_package
from clearconv.exchange.onnx.reading.plain import AnyArray, Branch, Input, Model, Operator
from clearconv.exchange.onnx.reading.tensors import array_of, dtype_of, text_of
from clearconv.files import open_file
from clearconv.saving.foreign import LOOK, looks_like
from clearconv.words import cut, printable, some

_OWN = ("", "ai.onnx")  # two ways to name ONNX's own operators
_MOST_OPERATORS = 20_000
_MOST_DEPTH = 8  # of graphs within one another
_MOST_BYTES = 2**31 - 1  # protobuf's own limit of a message


def read_model(path: str | Path) -> Model:
    """Read an ONNX file.

    Parameters
    ----------
    path : str or Path
        The file. Tensors in files beside it (external data) are read too.

    Returns
    -------
    Model
        Its content; nothing has been interpreted.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not an ONNX file, or refers to data outside its folder.
    ArgumentError
        If the package onnx is not installed.
    """
    path = Path(path)
    onnx = onnx_package()
    message = _parsed(path, onnx)
    graph = message.graph
    if len(message.functions) > 0:
        defined = some(printable(cut(text_of(one.name), 60)) for one in message.functions)
        raise ModelFileError(
            f"{path} defines operators of its own ({defined}), which are not read. Inline them "
            "first: onnx.inliner.inline_local_functions."
        )
    if len(graph.sparse_initializer) > 0:
        raise ModelFileError(f"{path} holds sparse tensors, which are not read.")
    outside = _Outside(path)
    constants = _stored(path, graph, outside)
    opset = next((int(o.version) for o in message.opset_import if o.domain in _OWN), 0)
    operators = _operators(path, graph, outside)
    inputs = [_input(path, value) for value in graph.input if text_of(value.name) not in constants]
    metadata = {text_of(entry.key): text_of(entry.value) for entry in message.metadata_props}
    size = path.stat().st_size + outside.size
    outputs = tuple(text_of(value.name) for value in graph.output)
    if not operators and not outputs:
        raise ModelFileError(f"{path} is not an ONNX model: it has neither operators nor outputs.")
    return Model(path, size, opset, operators, constants, inputs, outputs, metadata)


def _parsed(path: Path, onnx: Any) -> Any:
    """Return the file as protobuf's message; its bytes are freed on return."""
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, but an .onnx file is expected.")
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = b"" if size > _MOST_BYTES else file.read()
    except OSError as error:
        raise ModelFileError(
            f"{path}: {error.strerror or error}; an .onnx file is expected."
        ) from None
    if size > _MOST_BYTES:
        raise ModelFileError(f"{path} is larger than the 2 GiB that an ONNX file may have.")
    message = onnx.ModelProto()
    try:
        message.ParseFromString(content)
    except Exception as error:  # protobuf's DecodeError, of whichever implementation
        head = content[:LOOK]
        seems = None if head[:1] == b"\x08" else looks_like(path, head)
        why = f"It seems to be {seems}." if seems else "Was it cut off while copying?"
        raise ModelFileError(
            f"{path} is not a whole ONNX file ({cut(printable(error), 120)}). {why}"
        ) from None
    if not message.HasField("graph"):
        seems = looks_like(path, content[:LOOK])
        why = f" It seems to be {seems}." if seems and "ONNX" not in seems else ""
        raise ModelFileError(f"{path} is not an ONNX model: it holds no graph.{why}")
    return message


class _Outside:
    """Files beside a model that hold its tensors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[Path, AnyArray] = {}
        self.used = 0
        self.operators = 0  # so far, in this file

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(file.size for file in self.files.values())

    def read(self, location: str, offset: int, length: int | None) -> AnyArray:
        """Return bytes of one of them, mapped and not yet read."""
        file = self._file(location)
        end = file.size if length is None else offset + length
        if end > file.size or offset > end:
            raise ModelFileError(
                f"its external data, bytes {offset:,} to {end:,} of {_named(location)}, go beyond "
                f"the {file.size:,} bytes of that file. Was it cut off while copying?"
            )
        self.used += end - offset
        if self.used > self.size + 2**20:
            raise ModelFileError("the same external data are announced as several tensors")
        return file[offset:end]

    def _file(self, location: str) -> AnyArray:
        folder = self.path.resolve().parent
        try:
            place = (folder / location).resolve()
        except (OSError, ValueError, RuntimeError):  # a loop of links, or a NUL in the name
            place = folder
        if Path(location).is_absolute() or not place.is_relative_to(folder):
            raise ModelFileError(
                f"its external data are announced in {_named(location)}, outside the model's "
                "folder, where nothing is read"
            )
        if place not in self.files:
            try:
                with open_file(place) as file:
                    self.files[place] = np.memmap(file, np.uint8, "r")
            except (OSError, ValueError) as error:  # missing, a folder, or empty
                raise ModelFileError(
                    f"its external data {_named(location)} cannot be read beside the model "
                    f"({cut(str(error), 100)}). Copy that file, too"
                ) from None
        return self.files[place]


def _stored(path: Path, graph: Any, outside: _Outside) -> dict[str, AnyArray]:
    """Return the tensors of a graph."""
    constants: dict[str, AnyArray] = {}
    for tensor in graph.initializer:
        name = text_of(tensor.name)
        try:
            constants[name] = array_of(tensor, outside.read)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: tensor {_named(name)}: {error}.") from None
    return constants


def _operators(path: Path, graph: Any, outside: _Outside, depth: int = 0) -> list[Operator]:
    """Return the operators of a graph; those of graphs within it count, too."""
    outside.operators += len(graph.node)
    if outside.operators > _MOST_OPERATORS or depth > _MOST_DEPTH:
        raise ModelFileError(
            f"{path} has more than {_MOST_OPERATORS:,} operators, or graphs more than "
            f"{_MOST_DEPTH} within one another, which are not read."
        )
    return [_operator(path, node, outside, depth) for node in graph.node]


def _operator(path: Path, node: Any, outside: _Outside, depth: int) -> Operator:
    domain = "" if node.domain in _OWN else f"{text_of(node.domain)}."
    operator = Operator(
        printable(cut(domain + text_of(node.op_type), 80)),
        cut(text_of(node.name), 200),
        tuple(map(text_of, node.input)),
        tuple(map(text_of, node.output)),
        {},
    )
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        try:
            if attribute.type == 5:
                value: Any = _branch(path, attribute.g, outside, depth + 1)
            else:
                value = _value(attribute, outside)
            attributes[text_of(attribute.name)] = value
        except ModelFileError as error:
            raise ModelFileError(
                f"{path}: {operator.label}, attribute {_named(text_of(attribute.name))}: {error}."
            ) from None
    branches = [one for one in attributes.values() if isinstance(one, Branch)]
    captured = {name for branch in branches for name in branch.captured}
    return replace(operator, attributes=attributes, captured=tuple(sorted(captured)))


def _branch(path: Path, graph: Any, outside: _Outside, depth: int) -> Branch:
    """Return a graph inside an operator."""
    operators = _operators(path, graph, outside, depth)
    outputs = tuple(text_of(value.name) for value in graph.output)
    return Branch(operators, _stored(path, graph, outside), outputs)


def _value(attribute: Any, outside: _Outside) -> Any:
    """Return an attribute as plain data; what is not read is ``...``."""
    kind = attribute.type
    if kind == 1:
        return float(attribute.f)
    if kind == 2:
        return int(attribute.i)
    if kind == 3:
        return attribute.s.decode("utf-8", "replace")
    if kind == 4:
        return array_of(attribute.t, outside.read)
    if kind == 6:
        return list(attribute.floats)
    if kind == 7:
        return list(attribute.ints)
    if kind == 8:
        return [text.decode("utf-8", "replace") for text in attribute.strings]
    return ...


def _input(path: Path, value: Any) -> Input:
    name = text_of(value.name)
    if not value.type.HasField("tensor_type"):
        raise ModelFileError(f"{path}: input {_named(name)} is not a tensor.")
    tensor = value.type.tensor_type
    try:
        dtype = dtype_of(tensor.elem_type)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: input {_named(name)}: {error}.") from None
    shape = _sizes(tensor.shape.dim)
    if any(size is not None and size < 0 for size in shape):
        raise ModelFileError(f"{path}: input {_named(name)} has a negative size: {shape}.")
    return Input(name, shape, dtype)


def _sizes(dims: Iterable[Any]) -> tuple[int | None, ...]:
    """Return sizes; None for one that is not stated (older exporters write 0 or -1, too)."""
    return tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value != 0 else None for d in dims
    )


def _named(name: str) -> str:
    return repr(cut(name, 100))
