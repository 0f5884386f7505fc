"""Conv: a convolution of images, or of sequences, which are images of one row."""

from collections.abc import Sequence

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, whole
from clearconv.exchange.onnx.reading.operators.base.windows import ATTRIBUTES, window_of
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.values import (
    Given,
    Refused,
    constant_of,
    optional,
    value_of,
)
from clearconv.layers import Conv2d


def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the layer's result; its weights keep their names."""
    x, w, bias = (*inputs, None)[:3]
    x, w = value_of(x, "the image"), constant_of(w, "the filters")
    bias = optional(bias, "the bias")
    axes = w.ndim - 2
    if axes not in (1, 2) or len(x.shape) != w.ndim:
        raise Refused(f"a convolution along {len(x.shape) - 2} axes; 1 and 2 are read")
    window = window_of(operator, x.shape[2:], w.shape[2:])
    layer = Conv2d(
        w.shape[0],
        **window.along(*((-1, 0) if axes == 1 else (0, 1))),
        groups=whole(operator, "group", 1),
        bias=bias is not None,
    )
    weights = {"weight": w if axes == 2 else w[:, :, None, :]}
    weights |= {} if bias is None else {"bias": bias}
    y = b.add(layer, b.maps(x), name=b.names.of(operator), weights=weights)
    return [b.unmapped(y, x)]


READERS = {"Conv": Reader(read, f"{ATTRIBUTES} group")}
