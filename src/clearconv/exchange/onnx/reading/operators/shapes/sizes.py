"""Shape and Size of what the model computes: constants, since every shape is known."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.folding.reordering import shape_slice
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, value_of


def read_shape(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the sizes."""
    return [shape_slice(operator, value_of(inputs[0], "the input").shape)]


def read_size(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the number of numbers."""
    return [np.array(np.prod(value_of(inputs[0], "the input").shape), np.int64)]


READERS = {"Shape": Reader(read_shape, "end start"), "Size": Reader(read_size)}
