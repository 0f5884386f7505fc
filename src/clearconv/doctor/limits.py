"""What a learner's layer can be asked to do, according to its text."""

from dataclasses import replace
from typing import Any

from clearconv.doctor.find import Found
from clearconv.doctor.kinds import Case, Limits
from clearconv.doctor.layout import Layout
from clearconv.doctor.names import role_of

_WINDOWS = ("conv2d", "max_pool2d", "avg_pool2d", "im2col", "col2im")
_POOLS = ("max_pool2d", "avg_pool2d")
_RANKED = ("batch_norm", "dropout")
_FIXED: dict[str, Any] = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}


def limits_of(found: Found, layout: Layout) -> Limits:
    """Return the limits within which the layer is tried.

    Parameters
    ----------
    found : Found
        The layer.
    layout : Layout
        Layout of its arrays.
    """
    roles = _roles(found)
    limits = Limits(batch=layout.batch, rank=_rank(found, layout), bias=_has_bias(found))
    if found.kind in ("batch_norm", "dropout") and not _has_modes(found, roles):
        limits = replace(limits, fixed={"training": True})
    if found.kind not in _WINDOWS:
        return limits
    fixed = {
        option: "kernel" if option == "stride" and found.kind in _POOLS else value
        for option, value in _FIXED.items()
        if not {option, f"{option}_h"} & roles.keys()
    }
    if found.window and "kernel" not in roles:
        fixed["kernel"] = found.window
    return replace(
        limits,
        square_kernel=(roles.get("kernel") is False and "kernel_h" not in roles) or _square(found),
        one_stride=not roles.get("stride")
        and "stride_h" not in roles
        and fixed.get("stride") != "kernel",  # which may be a pair without a stride argument
        one_dilation=not roles.get("dilation"),
        one_padding=not roles.get("padding") and "padding_h" not in roles,
        fixed=fixed,
    )


def slimmed(case: Case, layout: Layout) -> Case:
    """Keep one image, and one channel in and out, if the layout has no axis for more."""
    kept = {}
    for name, array in case.arrays.items():
        if array.ndim == 4 and not layout.batch and name != "weight":
            array = array[:1]
        if array.ndim == 4 and not layout.channels and name != "grad_y":
            array = array[:, :1]
        if not layout.filters:
            array = array[:, :1] if name == "grad_y" and array.ndim == 4 else array
            array = array[:1] if name in ("weight", "bias") else array
        kept[name] = array
    options = dict(case.options)
    if not layout.channels and "cols_shape" in options:
        _, _, H, W = options["x_shape"]
        KH, KW = options["kernel"]
        options["x_shape"] = (1, 1, H, W)
        options["cols_shape"] = (1, KH * KW, options["cols_shape"][2])
        kept = {k: v[:1, : KH * KW] if k == "cols" else v for k, v in kept.items()}
    return replace(case, arrays=kept, options=options)


def _square(found: Found) -> bool:
    """Whether the code reads one size for both sides of a kernel."""
    calls = found.calls.values()
    return any(p.square and p.role in ("weight", "kernel") for c in calls for p in c.parameters)


def _roles(found: Found) -> dict[str, bool]:
    """Return the settings that the layer accepts, and whether as a pair."""
    known: dict[str, bool] = {}
    parts = ("init", "forward") if "forward" in found.calls else tuple(found.calls)
    for call in (found.calls[part] for part in parts if part in found.calls):
        for parameter in call.parameters:
            known[parameter.role] = known.get(parameter.role, False) or parameter.pair
            for key in parameter.keys:
                known.setdefault(role_of(key, found.kind), False)
    return known


def _has_bias(found: Found) -> bool:
    if found.family == "article":
        return True
    parameters = {p.role for call in found.calls.values() for p in call.parameters}
    return "bias" in parameters | {role_of(name, found.kind) for name in found.attributes}


def _has_modes(found: Found, roles: dict[str, bool]) -> bool:
    """Whether the layer can be set to evaluation."""
    return bool({"training", "mode"} & (roles.keys() | {role_of(a, "") for a in found.attributes}))


def _rank(found: Found, layout: Layout) -> int | None:
    return None if layout.x == "any" or found.kind not in _RANKED else len(layout.x)
