"""ReduceMean and the other reductions along any axes."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import axes_of
from clearconv.exchange.onnx.reading.values import Given, Value, optional, value_of
from clearconv.layers import GlobalAvgPool2d
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.reduce import Reduce


def reader(kind: str, before: str = "", after: str = "") -> Reader:
    """Return the reader of a reduction, with a function of each number before it, and after."""

    def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
        x = value_of(inputs[0], "the input")
        axes = optional(inputs[1], "the axes") if len(inputs) > 1 else None
        along = axes_of(operator, [None, axes])
        keep = bool(whole(operator, "keepdims", 1))
        x = b.add(Elementwise(before), x) if before else x
        if along is None and whole(operator, "noop_with_empty_axes", 0):
            y = x
        else:
            y = reduced(kind, x, along, keep, b)
        return [b.add(Elementwise(after), y) if after else y]

    return Reader(read, "axes keepdims noop_with_empty_axes")


def reduced(kind: str, x: Value, axes: Sequence[int] | None, keep: bool, b: Building) -> Value:
    """Return a reduction; by default along all axes."""
    along = tuple(sorted(b.axis(x, axis) for axis in (axes or range(len(x.shape)))))
    if kind == "mean" and along == (1, 2) and len(b.item(x.shape)) == 3:
        y = b.add(GlobalAvgPool2d(), x)
        return y if keep else b.reshaped_item(y, b.item(y.shape)[:1])
    return b.add(Reduce(kind, along, keep), x)


def _log_sum_exp(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return m + log(sum(exp(x - m))), where m is the largest: exp cannot overflow."""
    x = value_of(inputs[0], "the input")
    axes = optional(inputs[1], "the axes") if len(inputs) > 1 else None
    along = axes_of(operator, [None, axes])
    keep = bool(whole(operator, "keepdims", 1))
    top = reduced("max", x, along, True, b)
    rest = b.add(Elementwise("exp"), combined("Sub", (x, top), operator, b))
    total = b.add(Elementwise("log"), reduced("sum", rest, along, keep, b))
    return [combined("Add", (total, b.reshape(top, total.shape)), operator, b)]


READERS: dict[str, Reader] = {
    "ReduceMean": reader("mean"),
    "ReduceSum": reader("sum"),
    "ReduceMax": reader("max"),
    "ReduceMin": reader("min"),
    "ReduceL1": reader("sum", before="abs"),
    "ReduceL2": reader("sum", before="square", after="sqrt"),
    "ReduceSumSquare": reader("sum", before="square"),
    "ReduceLogSum": reader("sum", after="log"),
    "ReduceLogSumExp": Reader(_log_sum_exp, "axes keepdims"),
}
