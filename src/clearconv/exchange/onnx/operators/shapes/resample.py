"""Resize: with any coordinates and filter."""

from collections.abc import Sequence
from typing import Any

from clearconv.exchange.onnx.operators.base.writer import Unwritable, Writer
from clearconv.layers.elementary.resample import Resample

LAYERS = (Resample,)


def write(node: Resample, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator, with scales for all axes."""
    given: dict[str, Any] = node.arguments
    if given["antialias"] and to.opset < 18:
        raise Unwritable("a widened filter needs opset 18")
    axes, sizes = given["axes"], given["sizes"]
    factors = given["scales"] or [
        size / node.input_shape[axis] for axis, size in zip(axes, sizes, strict=True)
    ]
    scales = [1.0] * (1 + len(node.input_shape))
    roi = [0.0] * len(scales) + [1.0] * len(scales)
    for place, axis in enumerate(axes):
        scales[axis + 1] = factors[place]
        if given["regions"]:
            first, last = given["regions"][place]
            roi[axis + 1], roi[len(scales) + axis + 1] = first, last
    crop = to.constant(roi, "roi", "float32") if given["regions"] else ""
    return to.op(
        "Resize",
        inputs[0],
        crop,
        to.constant(scales, "scales", "float32"),
        mode=given["filter"],
        coordinate_transformation_mode=given["coordinates"],
        nearest_mode=given["nearest"] if given["filter"] == "nearest" else None,
        cubic_coeff_a=given["cubic"] if given["filter"] == "cubic" else None,
        exclude_outside=int(given["exclude_outside"]) or None,
        antialias=int(given["antialias"]) or None,
        extrapolation_value=given["outside"] or None,
    )
