"""Comparisons, logic, and the choice between two tensors."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined, operands_of
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, value_of
from clearconv.layers.elementary.choices import Choose, Compare
from clearconv.layers.elementary.elementwise import Elementwise

_BOOL = np.dtype(bool)


def _comparison(kind: str) -> Reader:
    def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
        values = operands_of(inputs, operator.inputs, b)
        return [b.add(Compare(kind), *values, dtype=_BOOL)]

    return Reader(read, "broadcast axis")


def read_where(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the second input where the first is true, else the third."""
    values = operands_of(inputs, ("", *operator.inputs[1:]), b)
    return [b.add(Choose(), *values, dtype=values[1].dtype)]


def read_not(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """1 - x, where x is 0 or 1."""
    return [b.add(Elementwise("affine", (-1.0, 1.0)), value_of(inputs[0], "the input"))]


def _logic(kind: str) -> Reader:
    """Return the reader of "and" as a product, and of "or" as the larger."""

    def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
        return [combined(kind, inputs, operator, b)]

    return Reader(read)


READERS: dict[str, Reader] = {
    "Equal": _comparison("equal"),
    "Greater": _comparison("greater"),
    "GreaterOrEqual": _comparison("greater_equal"),
    "Less": _comparison("less"),
    "LessOrEqual": _comparison("less_equal"),
    "Where": Reader(read_where),
    "Not": Reader(read_not),
    "And": _logic("Mul"),
    "Or": _logic("Max"),
}
