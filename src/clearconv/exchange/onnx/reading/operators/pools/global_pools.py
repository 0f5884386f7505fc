"""GlobalAveragePool and GlobalMaxPool: one number for each map."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, value_of
from clearconv.layers import GlobalAvgPool2d
from clearconv.layers.elementary.reduce import Reduce


def read_average(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the mean of each map."""
    x = value_of(inputs[0], "the image")
    y = b.add(GlobalAvgPool2d(), b.maps(x))
    return [b.reshape(y, (*x.shape[:2], *(1,) * (len(x.shape) - 2)))]


def read_max(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the largest of each map."""
    x = value_of(inputs[0], "the image")
    y = b.add(Reduce("max", (1, 2)), b.maps(x))
    return [b.reshape(y, (*x.shape[:2], *(1,) * (len(x.shape) - 2)))]


READERS = {"GlobalAveragePool": Reader(read_average), "GlobalMaxPool": Reader(read_max)}
