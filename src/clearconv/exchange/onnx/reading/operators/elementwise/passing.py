"""Identity and Dropout, which leave everything as it is when a trained model runs."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, Refused, optional, value_of


def read_identity(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the input itself."""
    return [value_of(inputs[0], "the input")]


def read_dropout(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the input itself, unless the file says that it drops numbers in evaluation too."""
    training = optional(inputs[2], "training_mode") if len(inputs) > 2 else None
    ratio = optional(inputs[1], "the ratio") if len(inputs) > 1 else None
    drops = ratio is None or bool(np.any(ratio != 0))
    if training is not None and bool(np.any(training)) and drops:
        raise Refused("training_mode: it drops numbers at random")
    x = value_of(inputs[0], "the input")
    return [x, np.ones(x.shape, bool)]  # the second output says what was kept: everything


READERS = {
    "Identity": Reader(read_identity),
    "Dropout": Reader(read_dropout, "ratio seed"),
}
