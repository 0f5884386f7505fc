"""MaxPool, AveragePool, LpPool: along one, two or three axes.

Along three axes a pool is one along two, then one along the third: the largest of the largest, the
mean of the means.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.operators.base.windows import ATTRIBUTES, window_of
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, Refused, Value, value_of
from clearconv.layers import AvgPool2d, MaxPool2d, Node
from clearconv.layers.elementary.elementwise import Elementwise


def read_max(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the largest of each window."""
    if len(operator.outputs) > 1 and operator.outputs[1]:
        raise Refused("its second output, where the largest were")
    ceil = bool(whole(operator, "ceil_mode", 0))
    return [_pooled(operator, inputs, b, lambda **a: MaxPool2d(**a, ceil_mode=ceil))]


def read_average(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the mean of each window."""
    ceil = bool(whole(operator, "ceil_mode", 0))
    counts = bool(whole(operator, "count_include_pad", 0))
    make = lambda **a: AvgPool2d(**a, ceil_mode=ceil, count_include_pad=counts)  # noqa: E731
    return [_pooled(operator, inputs, b, make)]


def read_lp(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """(sum of |x|^p)^(1/p): the mean of the powers, times the size of the window."""
    if whole(operator, "ceil_mode", 0):
        raise Refused("attribute ceil_mode=1")
    p = float(operator.attributes.get("p", 2))
    x = value_of(inputs[0], "the image")
    size = prod(window_of(operator, x.shape[2:]).kernel)
    x = b.add(Elementwise("power", (p,)), b.add(Elementwise("abs"), x))
    y = _pooled(operator, [x], b, lambda **a: AvgPool2d(**a, count_include_pad=True))
    y = b.add(Elementwise("affine", (float(size), 0.0)), y)
    return [b.add(Elementwise("power", (1 / p,)), y)]


def _pooled(
    operator: Operator, inputs: Sequence[Given], b: Building, make: Callable[..., Node]
) -> Value:
    x = value_of(inputs[0], "the image")
    axes = len(x.shape) - 2
    if axes not in (1, 2, 3):
        raise Refused(f"a window along {axes} axes; 1, 2 and 3 are read")
    window = window_of(operator, x.shape[2:])
    if axes < 3:
        layer = make(**window.along(*((-1, 0) if axes == 1 else (0, 1))))
        return b.unmapped(b.add(layer, b.maps(x)), x)
    maps = b.without_batch(x)  # (C, D, H, W)
    C, D = b.item(maps.shape)[:2]
    flat: Any = b.reshaped_item(maps, (C * D, *b.item(maps.shape)[2:]))
    flat = b.add(make(**window.along(1, 2)), flat)
    H, W = b.item(flat.shape)[1:]
    flat = b.add(make(**window.along(0, -1)), b.reshaped_item(flat, (C, D, H * W)))
    return b.with_batch(b.reshaped_item(flat, (C, b.item(flat.shape)[1], H, W)), x)


READERS = {
    "MaxPool": Reader(read_max, f"{ATTRIBUTES} ceil_mode storage_order"),
    "AveragePool": Reader(read_average, f"{ATTRIBUTES} ceil_mode count_include_pad"),
    "LpPool": Reader(read_lp, f"{ATTRIBUTES} ceil_mode p"),
}
