"""A graph that is being written: operators and constants as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.layers.base.layer import Layer


class Unwritable(Exception):
    """A layer has no form in ONNX; the text says why."""


@dataclass
class Operator:
    """One node of an ONNX graph.

    Attributes
    ----------
    kind : str
        Type of the operator, such as "Conv".
    name : str
        Name of the node.
    inputs, outputs : list of str
        Names of the values; "" where an optional input is left out.
    attributes : dict
        Name -> number, text, or list of numbers.
    """

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Constant:
    """A tensor of an ONNX graph whose numbers are known.

    Attributes
    ----------
    array : ndarray
        Numbers; those of bfloat16 as the uint16 of their bits.
    dtype : str
        Name of the dtype in ONNX, in lower case, such as "float" or "bfloat16".
    """

    array: np.ndarray[Any, np.dtype[Any]]
    dtype: str


#: How NumPy's dtypes are called in ONNX.
_DTYPES = {"float32": "float", "float64": "double", "bool": "bool"}


@dataclass
class Writer:
    """Collects the operators and constants of a graph, and gives each a name of its own.

    Attributes
    ----------
    opset : int
        Version of the operators.
    parameters : mapping
        Path -> numbers, float32, of the parameters and running statistics that the layers write.
    stored : mapping
        Path -> dtype in which these parameters are kept, "float16" or "bf16"; others in float32.
    scope : str
        Beginning of the names that are made: the path of the layer being written.
    operators : list of Operator
        Operators in the order they run.
    constants : dict
        Name -> tensor.
    """

    opset: int
    parameters: Mapping[str, Array] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    operators: list[Operator] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without names."""
        self._taken: set[str] = set()

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add an operator with one output and return the output's name.

        Parameters
        ----------
        kind : str
            Type of the operator.
        *inputs : str
            Names of its inputs.
        name : str, optional
            Name of the output, made different from all others; by default scope and kind.
        **attributes
            Attributes of the operator; those that are None are left out.

        Returns
        -------
        str
        """
        return self.ops(kind, *inputs, name=name, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outputs: int = 1, name: str | None = None, **attributes: Any
    ) -> list[str]:
        """Add an operator with several outputs and return their names.

        Parameters
        ----------
        kind, *inputs, name, **attributes
            As for `op`.
        outputs : int
            Number of outputs.

        Returns
        -------
        list of str
        """
        made = [self.free(name or f"{self.scope}/{kind}") for _ in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.operators.append(Operator(kind, made[0], list(inputs), made, given))
        return made

    def reduced(self, kind: str, x: str, axes: list[int], keepdims: bool = True) -> str:
        """Add the mean, "Max", "Min" or other reduction along axes; return the name of the result.

        Parameters
        ----------
        kind : str
            The operator's name after "Reduce".
        x : str
            Name of its input.
        axes : list of int
            Axes, counted with the batch.
        keepdims : bool
            Whether the axes remain, with length 1.

        Returns
        -------
        str
        """
        if kind != "Sum" and self.opset < 18:  # the axes of a sum are an input in every opset
            return self.op(f"Reduce{kind}", x, axes=axes, keepdims=int(keepdims))
        along = self.constant(axes, "axes", "int64")
        return self.op(f"Reduce{kind}", x, along, keepdims=int(keepdims))

    def constant(self, values: Any, name: str, dtype: str | None = None) -> str:
        """Add a tensor and return its name.

        Parameters
        ----------
        values : array_like
            Numbers, kept in their dtype.
        name : str
            Name of the tensor, made different from all others.
        dtype : str, optional
            NumPy's name of the dtype to convert to.

        Returns
        -------
        str
        """
        array = np.ascontiguousarray(values, dtype=dtype).reshape(np.shape(values))
        name = self.free(f"{self.scope}/{name}" if self.scope else name)
        self.constants[name] = Constant(array, _DTYPES.get(array.dtype.name, array.dtype.name))
        return name

    def parameter(self, layer: Layer, name: str, shape: Shape | None = None) -> str | None:
        """Add a layer's parameter or running statistics, and return the name of the value.

        Parameters
        ----------
        layer : Layer
            The layer.
        name : str
            Name of the numbers in the layer, such as "weight".
        shape : tuple of int, optional
            Shape to write them in, if not their own.

        Returns
        -------
        str or None
            None if the layer has no such numbers.
        """
        path = f"{layer.path}.{name}" if layer.path else name
        array = self.parameters.get(path)
        if array is None:
            return None
        array = array if shape is None else array.reshape(shape)
        value = self.free(path)
        self.constants[value] = packed(array, self.stored.get(path, "float32"))
        if path not in self.stored:
            return value
        return self.op("Cast", value, name=f"{path}/float32", to=FLOAT)

    def free(self, name: str) -> str:
        """Return a name that no other value has, and take it."""
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def rename(self, value: str, name: str) -> str:
        """Give a computed value another name, everywhere; return it."""
        if not any(value in operator.outputs for operator in self.operators):
            return self.op("Identity", value, name=name)  # an input, or a constant
        name = self.free(name)
        for operator in self.operators:
            operator.inputs = [name if each == value else each for each in operator.inputs]
            operator.outputs = [name if each == value else each for each in operator.outputs]
        return name


#: ONNX's numbers of the dtypes that ``Cast`` is given.
FLOAT, UINT8, INT32, INT64, BOOL, DOUBLE = 1, 2, 6, 7, 9, 11


def packed(array: Array, stored: str) -> Constant:
    """Return numbers in the dtype of a file, rounded to nearest, ties to even."""
    if stored == "float16":
        with np.errstate(over="ignore"):
            return Constant(np.ascontiguousarray(array, np.float16), "float16")
    if stored == "bf16":
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)  # the upper half, to nearest even
        return Constant((rounded >> 16).astype(np.uint16), "bfloat16")
    return Constant(np.ascontiguousarray(array, np.float32), "float")


def unpacked(constant: Constant) -> Array:
    """Return the numbers of a file's tensor as float32."""
    if constant.dtype == "bfloat16":
        return (constant.array.astype(np.uint32) << 16).view(np.float32)
    return constant.array.astype(np.float32)


def pads(sides: Sequence[tuple[int, int]]) -> list[int]:
    """Return ((top, bottom), (left, right)) in the order of ONNX: all beginnings, then all ends."""
    return [*(before for before, _ in sides), *(after for _, after in sides)]
