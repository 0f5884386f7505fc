"""LRN: each number divided by a power of its neighbours' squares in other channels."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import Given, value_of
from clearconv.layers import AvgPool2d
from clearconv.layers.elementary.elementwise import Elementwise


def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """X (bias + alpha mean(x²))^-beta, the mean taken by a pool whose rows are the channels."""
    x = value_of(inputs[0], "the image")
    size = whole(operator, "size", 1)
    maps = b.maps(x)
    C, H, W = b.item(maps.shape)
    rows = b.reshaped_item(b.add(Elementwise("square"), maps), (1, C, H * W))
    around = ((size - 1) // 2, size // 2), (0, 0)
    mean = b.add(AvgPool2d((size, 1), 1, around, count_include_pad=True), rows)
    scale = number(operator, "alpha", 1e-4), number(operator, "bias", 1.0)
    power = b.add(Elementwise("affine", scale), mean)
    power = b.add(Elementwise("power", (-number(operator, "beta", 0.75),)), power)
    y = combined("Mul", (maps, b.reshaped_item(power, (C, H, W))), operator, b)
    return [b.reshape(y, x.shape)]


READERS = {"LRN": Reader(read, "alpha beta bias size")}
