"""How an operator is read, and which of its attributes are understood."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.plain import AnyArray, Branch, Operator
from clearconv.exchange.onnx.reading.values import Given, Value

#: Outputs of an operator, in order; None for one that cannot be had.
Results = Sequence[Value | AnyArray | None]
Read = Callable[[Operator, Sequence[Given], Building], Results]

#: Attributes that change nothing: of training, or hints for execution.
_IDLE = {"consumed_inputs", "is_test"}


class Reader:
    """How an operator is read.

    Parameters
    ----------
    read : callable
        Takes the operator, its inputs and the graph so far; returns its outputs.
    attributes : str
        Names of the attributes that it understands, separated by spaces.
    """

    def __init__(self, read: Read, attributes: str = "") -> None:
        self.read = read
        self.attributes = set(attributes.split()) | _IDLE

    def complaints(self, operator: Operator) -> Iterator[str]:
        """Say which attributes of an operator are not understood."""
        for name, value in operator.attributes.items():
            if name not in self.attributes:
                yield f"attribute {name}={_shown(value)}"
            elif value is ... or isinstance(value, Branch):
                yield f"attribute {name}, which is not a number, text or a tensor"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else "..."


def number(operator: Operator, name: str, default: float) -> float:
    """Return an attribute that is a number, with as few digits as its float32 needs."""
    value = operator.attributes.get(name, default)
    if isinstance(value, int):
        return value
    return shortest(float(value))


def shortest(value: float) -> float:
    """Return the shortest decimal number with the same float32: 1e-05, not 9.99999974737875e-06."""
    return float(str(np.float32(value))) if np.float32(value) == value else value


def whole(operator: Operator, name: str, default: int) -> int:
    """Return an attribute that is a whole number."""
    return int(operator.attributes.get(name, default))
