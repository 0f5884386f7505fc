"""Resize and Upsample: images made larger or smaller."""

from collections.abc import Sequence
from math import floor
from typing import Any

from clearconv.exchange.onnx.reading.building import Building
from clearconv.exchange.onnx.reading.operators.base.reader import Reader, Results, number, whole
from clearconv.exchange.onnx.reading.plain import Operator
from clearconv.exchange.onnx.reading.shapes import normal
from clearconv.exchange.onnx.reading.values import Given, Refused, Value, optional, value_of
from clearconv.layers import Node, Upsample
from clearconv.layers.elementary.resample import Resample

_COORDINATES = "coordinate_transformation_mode"
_MOST = 2**15  # rows or columns of a result


def read_resize(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the resized image; opset 10 had neither regions nor sizes."""
    x, *rest = inputs
    x = value_of(x, "the image")
    if b.opset < 11:
        rest = [None, *rest]
    roi, scales, sizes = (optional(one, "roi, scales or sizes") for one in (*rest, *[None] * 3)[:3])
    attributes = operator.attributes
    axes = [normal(a, len(x.shape)) for a in attributes.get("axes") or range(len(x.shape))]
    old = [x.shape[axis] for axis in axes]
    if sizes is not None and sizes.size:
        new = [int(size) for size in sizes.reshape(-1)]
        new, factors = _kept(attributes.get("keep_aspect_ratio_policy", "stretch"), old, new)
    elif scales is not None and scales.size:
        factors = [float(factor) for factor in scales.reshape(-1)]
        new = [floor(size * factor) for size, factor in zip(old, factors, strict=False)]
    else:
        raise Refused("neither sizes nor scales")
    if len(new) != len(axes) or not all(1 <= size <= _MOST for size in new) or min(factors) <= 0:
        raise Refused(f"sizes {new} for axes {axes} of {x.shape}")
    corners = attributes.get(_COORDINATES) == "align_corners"
    if corners and any(old[p] * factors[p] != new[p] for p in range(len(axes))):
        # ONNX's tests divide by size * scale - 1, its text and its engines by the new size - 1
        raise Refused("align_corners with scales that give no whole size, which engines read apart")
    region = [(0.0, 1.0)] * len(axes)
    if roi is not None and roi.size == 2 * len(axes):
        numbers = [float(one) for one in roi.reshape(-1)]
        region = list(zip(numbers[: len(axes)], numbers[len(axes) :], strict=True))
    rule: dict[str, Any] = {
        "filter": attributes.get("mode", "nearest"),
        "coordinates": attributes.get(_COORDINATES, "half_pixel"),
        "nearest": attributes.get("nearest_mode", "round_prefer_floor"),
        "cubic": number(operator, "cubic_coeff_a", -0.75),
        "exclude_outside": bool(whole(operator, "exclude_outside", 0)),
        "antialias": bool(whole(operator, "antialias", 0)),
        "outside": number(operator, "extrapolation_value", 0.0),
    }
    if b.opset < 11:
        rule |= {"coordinates": "asymmetric", "nearest": "floor"}
    return [_resized(x, axes, new, factors, region, rule, b)]


def read_upsample(operator: Operator, inputs: Sequence[Given], b: Building) -> Results:
    """Return the larger image; the scales were an attribute before opset 9."""
    x = value_of(inputs[0], "the image")
    scales = optional(inputs[1], "the scales") if len(inputs) > 1 else None
    given = operator.attributes.get("scales") if scales is None else scales.reshape(-1).tolist()
    factors = [float(one) for one in given or ()]
    if len(factors) != len(x.shape) or min(factors, default=0) <= 0:
        raise Refused(f"scales={factors} for {x.shape}")
    new = [floor(size * factor) for size, factor in zip(x.shape, factors, strict=True)]
    if not all(1 <= size <= _MOST for size in new):
        raise Refused(f"scales={factors} for {x.shape}")
    mode = operator.attributes.get("mode", "nearest")
    rule: dict[str, Any] = {"coordinates": "asymmetric", "nearest": "floor"}
    rule |= {"filter": {"bilinear": "linear"}.get(mode, mode)}
    axes = list(range(len(x.shape)))
    return [_resized(x, axes, new, factors, [(0.0, 1.0)] * len(axes), rule, b)]


def _resized(
    x: Value,
    axes: list[int],
    new: list[int],
    factors: list[float],
    region: list[tuple[float, float]],
    rule: dict[str, Any],
    b: Building,
) -> Value:
    crop = rule["coordinates"] == "tf_crop_and_resize"
    changed = [
        place
        for place, axis in enumerate(axes)
        if x.shape[axis] != new[place] or factors[place] != 1 or (crop and region[place] != (0, 1))
    ]
    if not changed:
        return x
    if sorted(axes[place] for place in changed) == [2, 3] and len(x.shape) == 4 and b.batched:
        order = sorted(changed, key=lambda place: axes[place])
        size = [new[p] for p in order]
        layer = _plain(rule, [x.shape[2], x.shape[3]], size, [factors[p] for p in order])
        if layer is not None:
            return b.add(layer, x)
    along = tuple(b.axis(x, axes[place]) for place in changed)
    given = tuple(factors[place] for place in changed)
    regions = tuple(region[place] for place in changed) if crop else None
    return b.add(
        Resample(along, tuple(new[place] for place in changed), given, regions=regions, **rule), x
    )


def _plain(
    rule: dict[str, Any], old: list[int], new: list[int], factors: list[float]
) -> Node | None:
    """Return ``Upsample`` if it does the same."""
    whole_times = all(
        n == o * round(f) and f == round(f) for o, n, f in zip(old, new, factors, strict=True)
    )
    if rule.get("antialias") or rule.get("exclude_outside"):
        return None
    kind = rule["filter"], rule["coordinates"]
    if kind == ("nearest", "asymmetric") and rule["nearest"] == "floor" and whole_times:
        return Upsample(scale_factor=(round(factors[0]), round(factors[1])))
    exact = all(n / o == f for o, n, f in zip(old, new, factors, strict=True))
    if kind in (("linear", "half_pixel"), ("linear", "pytorch_half_pixel")) and exact:
        if min(new) > 1:
            return Upsample(tuple(new), mode="bilinear")  # type: ignore[arg-type]
    if kind == ("linear", "align_corners"):
        return Upsample(tuple(new), mode="bilinear", align_corners=True)  # type: ignore[arg-type]
    return None


def _kept(policy: str, old: list[int], new: list[int]) -> tuple[list[int], list[float]]:
    """Return sizes and factors, all equal if the aspect ratio is to be kept."""
    factors = [n / o for o, n in zip(old, new, strict=False)]
    if policy == "stretch" or not factors:
        return new, factors
    if policy not in ("not_larger", "not_smaller"):
        raise Refused(f"attribute keep_aspect_ratio_policy={policy!r}")
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [floor(size * factor + 0.5) for size in old], [factor] * len(old)


READERS = {
    "Resize": Reader(
        read_resize,
        f"antialias axes {_COORDINATES} cubic_coeff_a exclude_outside extrapolation_value "
        "keep_aspect_ratio_policy mode nearest_mode",
    ),
    "Upsample": Reader(read_upsample, "mode scales"),
}
