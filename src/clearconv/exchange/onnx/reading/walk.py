"""From the operators of a file to a graph of layers, or to the list of all that is missing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Shape
from clearconv.errors import ClearconvError, ModelFileError
from clearconv.exchange.onnx.reading.building import Building, Step
from clearconv.exchange.onnx.reading.folding import FOLDS, Room, folded
from clearconv.exchange.onnx.reading.naming import INPUT, Names
from clearconv.exchange.onnx.reading.operators import READERS
from clearconv.exchange.onnx.reading.order import in_order
from clearconv.exchange.onnx.reading.plain import AnyArray, Branch, Input, Model, Operator
from clearconv.exchange.onnx.reading.values import Given, MixedBatch, Refused, Value
from clearconv.layers import Identity
from clearconv.words import cut, printable

_MOST_COMPLAINTS = 40
_LEAST_ROOM = 2**28  # parameters that every file may have: 1 GiB in float32


class _Unknown:
    """Stands for the result of an operator that could not be read."""


_UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Reading:
    """A graph of layers as read from a file.

    Attributes
    ----------
    steps : list of Step
        Its nodes, in the order they run; each is needed.
    weights : dict
        Path -> stored numbers.
    input_shape : tuple of int
        Shape of one input of the graph.
    results : list of Value or ndarray
        The outputs; one that does not depend on the input is an array.
    batched : bool
        Whether axis 0 of the file's tensors is the batch; if not, a tensor of the file is one item.
    """

    steps: list[Step]
    weights: dict[str, AnyArray]
    input_shape: Shape
    results: list[Value | AnyArray]
    batched: bool


def walk(
    model: Model,
    outputs: Sequence[str],
    input_shape: Shape | None = None,
    rows: bool = False,
) -> Reading:
    """Read the operators that the outputs need.

    Axis 0 is taken for the batch axis. If an operator treats it as any other axis, the file is read
    again, and one tensor of the file becomes one item of a batch.

    Parameters
    ----------
    model : Model
        Content of a file.
    outputs : sequence of str
        Names of the values that are wanted.
    input_shape : tuple of int, optional
        Shape of one input, without the batch axis, where the file leaves it open.
    rows : bool
        Whether outputs that are maps of one pixel become rows.

    Raises
    ------
    ModelFileError
        If the file is damaged, or something in it is not supported: names all of that.
    """
    given = _the_input(model)
    sizes = () if given is None else _sizes(model.path, given, input_shape)
    known = [*model.constants, *(() if given is None else (given.name,))]
    operators = in_order(model.path, model.operators, known, outputs)
    operators = _without_unread(operators, outputs)
    first = _Walk(model, operators, given, sizes, len(sizes) > 1).run(outputs, rows)
    if not isinstance(first, _Failure):
        return first
    if not first.mixed:
        raise first.error(model.path)
    second = _Walk(model, operators, given, sizes, False).run(outputs, rows)
    if not isinstance(second, _Failure):
        return second
    raise (first if len(first.complaints) > first.mixed else second).error(model.path)


@dataclass
class _Failure:
    """Why a file could not be read."""

    complaints: list[tuple[str, str]]  # operator, what is missing
    mixed: int  # how many of these are about the batch axis alone

    def error(self, path: Path) -> ModelFileError:
        """Return the error that lists all of it."""
        counts: Counter[tuple[str, str]] = Counter()
        examples: dict[tuple[str, str], str] = {}
        for label, why in self.complaints:
            kind = label.split(" ")[0]
            counts[kind, why] += 1
            examples.setdefault((kind, why), label)
        lines = [
            f"{examples[key] if key[1] else key[0]}{f': {key[1]}' if key[1] else ''}"
            + (f" ({count} times)" if count > 1 else "")
            for key, count in counts.items()
        ]
        more = len(lines) - _MOST_COMPLAINTS
        lines = lines[:_MOST_COMPLAINTS] + ([f"and {more} more"] if more > 0 else [])
        listed = "\n  ".join(cut(printable(line), 300) for line in lines)
        return ModelFileError(
            f"{path} cannot be read, because of what is not supported:\n  {listed}\n"
            "docs/conformance.md lists what is. Simplifying the file may help (onnxslim, onnxsim)."
        )


class _Walk:
    """One attempt to read the operators of a file."""

    def __init__(
        self,
        model: Model,
        operators: Iterable[Operator],
        given: Input | None,
        sizes: Shape,
        batched: bool,
    ) -> None:
        self.model, self.operators, self.given = model, operators, given
        room = max(_LEAST_ROOM, model.size)
        names = Names(model.constants)
        self.b = Building(batched, sizes[0] if sizes else 1, model.opset, room, names)
        self.values: dict[str, Given | _Unknown] = dict(model.constants)
        self.constants = Room(model.size)
        self.complaints: list[tuple[str, str]] = []
        self.mixed = 0
        self.sizes = sizes
        self.input_shape: Shape = ()

    def run(self, outputs: Sequence[str], rows: bool) -> Reading | _Failure:
        """Read all operators."""
        if self.given is not None:
            self.values[self.given.name] = self._start(self.given)
        for operator in self.operators:
            self._take(operator)
        found = [self.values[name] for name in outputs]
        if self.complaints or any(one is None or isinstance(one, _Unknown) for one in found):
            return _Failure(self.complaints, self.mixed)
        results: list[Value | AnyArray] = [
            self._computed(one, rows) if isinstance(one, Value) else one
            for one in found
            if isinstance(one, (Value, np.ndarray))
        ]
        ends = {one.node for one in results if isinstance(one, Value)}
        steps = _needed(self.b.steps, ends)
        names = {step.name for step in steps}
        weights = {k: w for k, w in self.b.weights.items() if k.rpartition(".")[0] in names}
        return Reading(steps, weights, self.input_shape, results, self.b.batched)

    def _start(self, given: Input) -> Value:
        """Return the input, in the shape of the file's."""
        b, full = self.b, self.sizes
        item = b.item(full)
        if not b.batched and len(full) == 4 and full[0] == 1:
            seen: Shape = full[1:]
        else:
            seen = item if len(item) in (1, 3) else (prod(item),)
        self.input_shape = seen
        x = Value(INPUT, (b.batch, *seen) if b.batched else seen, given.dtype)
        return b.reshape(x, full)

    def _computed(self, value: Value, rows: bool) -> Value:
        """Return an output that a node of the graph computes."""
        item = self.b.item(value.shape)
        if rows and len(item) == 3 and item[1:] == (1, 1):
            return self.b.reshaped_item(value, item[:1])
        return self.b.add(Identity(), value) if value.node == INPUT else value

    def _read(self, operator: Operator) -> Sequence[Any]:
        """Return what an operator gives, or note what is missing."""
        if operator.kind == "If":
            return self._chosen(operator)
        reader = READERS.get(operator.kind)
        inputs = [self.values[name] if name else None for name in operator.inputs]
        constant = not any(isinstance(one, (Value, _Unknown)) for one in inputs)
        if reader is None and not (constant and operator.kind in FOLDS):
            self._note(operator.kind, "" if not constant else "of constants")
            return ()
        if reader is not None and (complaints := list(reader.complaints(operator))):
            for why in complaints:
                self._note(operator.label, why)
            return ()
        if any(isinstance(one, _Unknown) for one in inputs):
            return ()
        try:
            if constant and operator.kind in FOLDS:
                return folded(operator, inputs, self.model.opset, self.constants)  # type: ignore[arg-type]
            assert reader is not None
            results = reader.read(operator, inputs, self.b)  # type: ignore[arg-type]
            for place, name in enumerate(operator.outputs):
                if name and (place >= len(results) or results[place] is None):
                    raise Refused(f"output {place + 1}")
            return results
        except MixedBatch as why:
            self.mixed += 1
            self._note(operator.label, str(why))
        except (Refused, ClearconvError) as why:
            self._note(operator.label, str(why))
        except MemoryError:
            self._note(operator.label, "it does not fit into memory")
        except (
            ArithmeticError,
            AttributeError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
        ) as why:
            # a made-up attribute may break an operator in any way
            self._note(operator.label, f"{type(why).__name__}: {why}")
        return ()

    def _chosen(self, operator: Operator) -> Sequence[Any]:
        """Read the branch that a constant condition chooses."""
        condition = self.values[operator.inputs[0]] if operator.inputs else None
        if isinstance(condition, _Unknown):
            return ()
        if not isinstance(condition, np.ndarray) or condition.size != 1:
            self._note(operator.label, "its condition is computed from the model's input")
            return ()
        branch = operator.attributes.get("then_branch" if condition.any() else "else_branch")
        if not isinstance(branch, Branch) or branch.constants.keys() & self.values.keys():
            self._note(
                operator.label, "a branch is missing, or gives values that are there already"
            )
            return ()
        self.values.update(branch.constants)
        order = in_order(self.model.path, branch.operators, self.values, branch.outputs)
        for inner in _without_unread(order, branch.outputs):
            self._take(inner)
        return [self.values[name] for name in branch.outputs]

    def _take(self, operator: Operator) -> None:
        """Read an operator, and keep what it gives."""
        results = self._read(operator)
        for place, name in enumerate(operator.outputs):
            if name:
                self.values[name] = results[place] if place < len(results) else _UNKNOWN

    def _note(self, label: str, why: str) -> None:
        self.complaints.append((label, why))


def _needed(steps: Sequence[Step], ends: set[str]) -> list[Step]:
    """Return the nodes that the ends need."""
    wanted, kept = set(ends), []
    for step in reversed(steps):
        if step.name in wanted:
            kept.append(step)
            wanted.update(step.inputs)
    return kept[::-1]


def _without_unread(operators: Sequence[Operator], outputs: Iterable[str]) -> list[Operator]:
    """Return the operators with "" for the outputs that nobody reads."""
    read = {name for one in operators for name in (*one.inputs, *one.captured)} | set(outputs)
    return [
        replace(one, outputs=tuple(name if name in read else "" for name in one.outputs))
        for one in operators
    ]


def _the_input(model: Model) -> Input | None:
    read = {name for one in model.operators for name in (*one.inputs, *one.captured)}
    read |= set(model.outputs)
    inputs = [one for one in model.inputs if one.name in read]
    if len(inputs) < 2:
        return inputs[0] if inputs else None
    listed = ", ".join(f"{one.name!r} {one.shape}" for one in inputs[:10])
    raise ModelFileError(
        f"{model.path} has {len(inputs)} inputs ({listed}), but models with one are read."
    )


def _sizes(path: Path, given: Input, input_shape: Shape | None) -> Shape:
    """Return the input's sizes, the batch axis in front."""
    if input_shape is not None:
        first = given.shape[0] if given.shape and given.shape[0] else 1
        sizes: tuple[int | None, ...] = (first, *input_shape)
        agrees = len(sizes) == len(given.shape) and all(
            known in (None, size) for size, known in zip(sizes, given.shape, strict=True)
        )
        if not agrees and given.shape:
            raise ModelFileError(
                f"{path}: `input_shape={input_shape}`, but its input {given.name!r} has the shape "
                f"{given.shape}, the batch axis included."
            )
    else:
        sizes = (
            (1 if given.shape[:1] == (None,) else given.shape[0], *given.shape[1:])
            if (given.shape)
            else ()
        )
    if any(size is None for size in sizes):
        raise ModelFileError(
            f"{path} leaves the size of its input open: {given.name!r} has the shape "
            f"{given.shape}. Give it: `input_shape=(3, 224, 224)`, for one."
        )
    if any(size is not None and not 1 <= size <= 2**31 for size in sizes) or (
        prod(size or 1 for size in sizes) > 2**28
    ):
        raise ModelFileError(
            f"{path}: its input {given.name!r} has the shape {cut(str(given.shape), 100)}, which "
            "is not that of an image."
        )
    return tuple(size for size in sizes if size is not None)
