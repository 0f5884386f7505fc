"""LayerNormalization: along the last axes, from any axis on."""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number, whole
from clearconv.exchange.onnx.reading.operators.elementwise.arithmetic import combined
from clearconv.exchange.onnx.reading.operators.pools.reductions import reduced
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import normal
from clearconv.exchange.onnx.reading.values import Given, Refused, value_of
from clearconv.layers import LayerNorm
from clearconv.layers.elementary.elementwise import Elementwise


def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return a ``LayerNorm`` if it is along all axes; else its formula, step by step."""
    x, scale, bias = (*inputs, None)[:3]
    x = value_of(x, "the input")
    eps = number(operator, "epsilon", 1e-5)
    first = normal(whole(operator, "axis", -1), len(x.shape))
    alone = not any(operator.outputs[1:])
    item = b.item(x.shape)
    if alone and first == b.batched and len(item) in (1, 3) and isinstance(scale, np.ndarray):
        if scale.shape == item and (bias is None or isinstance(bias, np.ndarray)):
            zero = np.zeros(item, np.float32)
            weights = {"weight": scale, "bias": zero if bias is None else bias}
            layer = LayerNorm(eps=eps)
            return [b.add(layer, x, name=b.names.of(operator), weights=weights)]
    axes = range(first, len(x.shape))
    mean = reduced("mean", x, axes, True, b)
    centred = combined("Sub", (x, mean), operator, b)
    squares = b.add(Elementwise("square"), centred)
    variance = b.add(Elementwise("affine", (1.0, eps)), reduced("mean", squares, axes, True, b))
    inverse = b.add(Elementwise("reciprocal"), b.add(Elementwise("sqrt"), variance))
    y = combined("Mul", (centred, inverse), operator, b)
    for place, kind, one in ((1, "Mul", scale), (2, "Add", bias)):
        if one is None and place == 1:
            raise Refused("the scale is missing")
        if one is not None:
            y = combined(kind, (y, one), operator, b, ("", operator.inputs[place]))
    return [y, mean, inverse]


READERS = {"LayerNormalization": Reader(read, "axis epsilon stash_type")}
