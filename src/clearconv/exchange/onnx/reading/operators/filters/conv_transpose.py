"""ConvTranspose: a transposed convolution, whose output's size can be given in three ways."""

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
from clearconv.layers import ConvTranspose2d


def read(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the layer's result, with pads and output padding explicit."""
    x, w, bias = (*inputs, None)[:3]
    x, w = value_of(x, "the image"), constant_of(w, "the filters")
    bias = optional(bias, "the bias")
    axes = w.ndim - 2
    if axes not in (1, 2) or len(x.shape) != w.ndim:
        raise Refused(f"a transposed convolution along {len(x.shape) - 2} axes; 1 and 2 are read")
    attributes = {**operator.attributes, "auto_pad": "NOTSET"}
    plain = Operator(*(operator.kind, operator.name, operator.inputs, operator.outputs), attributes)
    window = window_of(plain, x.shape[2:], w.shape[2:])
    how = operator.attributes.get("auto_pad", "NOTSET")
    extra = list(operator.attributes.get("output_padding") or [0] * axes)
    wanted = operator.attributes.get("output_shape")
    if len(extra) != axes or (wanted is not None and len(wanted) not in (axes, axes + 2)):
        raise Refused(f"output_padding={extra}, output_shape={wanted} for {axes} axes")
    pads = list(window.padding)
    for axis in range(axes):
        s, d, k = window.stride[axis], window.dilation[axis], window.kernel[axis]
        full = s * (x.shape[2 + axis] - 1) + extra[axis] + d * (k - 1) + 1
        if wanted is not None:
            pads[axis] = _halves(full - wanted[axis - axes], how)
        elif how in ("SAME_UPPER", "SAME_LOWER"):
            pads[axis] = _halves(full - s * x.shape[2 + axis], how)
        elif how == "VALID":
            pads[axis] = (0, 0)
        elif how not in ("NOTSET", ""):
            raise Refused(f"attribute auto_pad={how!r}")
        if min(pads[axis]) < 0:  # a larger output: rows that no input reaches
            extra[axis] -= sum(pads[axis])
            pads[axis] = (0, 0)
    groups = whole(operator, "group", 1)
    both = (-1, 0) if axes == 1 else (0, 1)
    arguments = {
        **window.along(*both),
        "padding": tuple((0, 0) if a < 0 else pads[a] for a in both),
        "output_padding": tuple(0 if a < 0 else extra[a] for a in both),
    }
    layer = ConvTranspose2d(
        w.shape[1] * groups,
        **arguments,
        groups=groups,
        bias=bias is not None,
    )
    weights = {"weight": w if axes == 2 else w[:, :, None, :]}
    weights |= {} if bias is None else {"bias": bias}
    y = b.add(layer, b.maps(x), name=b.names.of(operator), weights=weights)
    return [b.unmapped(y, x)]


def _halves(total: int, how: str) -> tuple[int, int]:
    """Divide what is cut off between both sides; the odd one goes where ONNX's formula puts it."""
    if total < 0:
        return total, 0
    less, more = total // 2, total - total // 2
    return (less, more) if how == "SAME_UPPER" else (more, less)


READERS = {"ConvTranspose": Reader(read, f"{ATTRIBUTES} group output_padding output_shape")}
