"""An ONNX graph as plain data: operators, constants, inputs and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Operator:
    """One node of an ONNX graph.

    Attributes
    ----------
    kind : str
        Type of the operator, such as "Conv"; with its domain in front unless that is ONNX's own.
    name : str
        Name of the node, which may be empty.
    inputs, outputs : tuple of str
        Names of the values; "" where an optional one is left out.
    attributes : mapping
        Name -> number, text, array, `Branch`, or list of these. What is not read is ``...``.
    captured : tuple of str
        Values from outside that its branches read.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    captured: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name the operator in a message: ``Conv '/features/0'``."""
        name = self.name or next(iter(self.outputs), "")
        return f"{self.kind} {name!r}" if name else self.kind


@dataclass(frozen=True)
class Branch:
    """A graph inside an operator.

    Attributes
    ----------
    operators : list of Operator
        Its operators.
    constants : dict
        Name -> array.
    outputs : tuple of str
        Names of its results.
    """

    operators: list[Operator]
    constants: dict[str, AnyArray]
    outputs: tuple[str, ...]

    @property
    def captured(self) -> set[str]:
        """Names that it reads and does not give itself."""
        made = {name for one in self.operators for name in one.outputs} | self.constants.keys()
        read = {name for one in self.operators for name in (*one.inputs, *one.captured) if name}
        return (read | set(self.outputs)) - made


@dataclass(frozen=True)
class Input:
    """What a model is given.

    Attributes
    ----------
    name : str
        Name of the value.
    shape : tuple
        Sizes; None for one that the file leaves open.
    dtype : dtype
        Dtype of the numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


@dataclass
class Model:
    """The content of an ONNX file.

    Attributes
    ----------
    path : Path
        The file.
    size : int
        Bytes of the file and of those that hold its tensors.
    opset : int
        Version of ONNX's own operators.
    operators : list of Operator
        Operators as the file lists them.
    constants : dict
        Name -> array: the weights, and other tensors that are stored.
    inputs : list of Input
        Inputs other than weights.
    outputs : tuple of str
        Names of the results.
    metadata : dict
        Text by name.
    """

    path: Path
    size: int
    opset: int
    operators: list[Operator]
    constants: dict[str, AnyArray]
    inputs: list[Input]
    outputs: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
