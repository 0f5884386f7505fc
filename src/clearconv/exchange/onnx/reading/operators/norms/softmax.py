"""Softmax and LogSoftmax, whose axis means something else before opset 13."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.operators.pools.reductions import reduced
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import flattened, normal
from clearconv.exchange.onnx.reading.values import Given, Value, value_of
from clearconv.layers import Softmax
from clearconv.layers.elementary.elementwise import Elementwise


def read_softmax(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return ``Softmax``, which runs along the first axis of an item; others are moved there."""
    x, rows, axis = _arranged(operator, inputs, b)
    place = b.axis(rows, axis)
    if place == 0:
        return [b.reshape(b.add(Softmax(), rows), x.shape)]
    order = list(range(len(rows.shape)))
    order[axis], order[axis - place] = order[axis - place], order[axis]
    y = b.permuted(b.add(Softmax(), b.permuted(rows, order)), order)
    return [b.reshape(y, x.shape)]


def read_log_softmax(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """X - m - log(sum(exp(x - m))), where m is the largest."""
    x, rows, axis = _arranged(operator, inputs, b)
    below = combined("Sub", (rows, reduced("max", rows, [axis], True, b)), operator, b)
    total = reduced("sum", b.add(Elementwise("exp"), below), [axis], True, b)
    y = combined("Sub", (below, b.add(Elementwise("log"), total)), operator, b)
    return [b.reshape(y, x.shape)]


def _arranged(operator: Operator, inputs: Sequence[Given], b: Building) -> tuple[Value, Value, int]:
    """Return the input, what the sum runs over, and its axis.

    From opset 13 on the axis is that of the sum. Before, all axes from it on were one.
    """
    x = value_of(inputs[0], "the input")
    axis = normal(whole(operator, "axis", 1 if b.opset < 13 else -1), len(x.shape))
    if b.opset >= 13 or axis == len(x.shape) - 1:
        return x, x, axis
    return x, b.reshape(x, flattened(x.shape, axis)), 1


READERS = {"Softmax": Reader(read_softmax, "axis"), "LogSoftmax": Reader(read_log_softmax, "axis")}
