"""Max pooling, and how it goes wrong: one plain implementation with its mistakes as switches."""

from collections.abc import Mapping

import numpy as np

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind
from clearconv.doctor.kinds._passes import doubled, through
from clearconv.doctor.kinds._window_slips import (
    as_rows,
    as_square,
    crop,
    look,
    need,
    steps_back,
)
from clearconv.doctor.kinds._windows import Array, Options, overwriting, pad, positions, spot
from clearconv.doctor.kinds._words import slips as words
from clearconv.doctor.kinds.pool_cases import cases, small_cases

#: These put the winner elsewhere, which is an error only if that is outside the image.
_MISPLACED = {"unravelled-by-height", "winner-exchanged"}


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of the case."""
    x, grad_y, o = case.arrays["x"], case.arrays["grad_y"], case.options
    if "true-division" in slips:
        return {}
    if "rows-not-brought-last" in slips:
        grad_y = as_rows(grad_y)
    tie = conventions.get("tie", "first")
    passes = {
        "y": lambda: _forward(x, o, slips),
        "grad_x": lambda: _grad_x(grad_y, x, o, slips, tie),
    }
    results = through(passes, slips)
    return results | doubled(results, ("grad_x",) if "input-not-cleared" in slips else ())


def _forward(x: Array, o: Options, slips: frozenset[str]) -> Array:
    """Each output is the largest pixel under one window."""
    C = x.shape[1]
    x, output, stride, dilation = look(x, o, slips, 0.0 if "padding-wins" in slips else -np.inf)
    y = np.zeros((len(x), C, *output))
    (KH, KW) = o["kernel"]
    if "forward-square-window" in slips:
        KW = KH
    for p, q in positions(output):
        patch = x[spot((p, q), (KH, KW), stride, dilation)]  # (N, C, KH, KW)
        need(patch.shape[2:] == (KH, KW) or KW != o["kernel"][1])  # a slice ends with the image
        y[:, :, p, q] = patch.max((2, 3))
    if "forward-over-channels" in slips:
        y[...] = y.max(1, keepdims=True)
    if "forward-starts-at-zero" in slips:
        y = np.maximum(y, 0.0)
    if "forward-channels-not-brought-back" in slips:
        y = y.transpose(0, 2, 3, 1).reshape(y.shape)
    if "forward-first-image" in slips:
        y[1:] = 0
    if "forward-first-channel" in slips:
        y[:, 1:] = 0
    return y


def _grad_x(grad_y: Array, x: Array, o: Options, slips: frozenset[str], tie: str) -> Array:
    """Every output passes its gradient to the pixel that won."""
    N, C, H, W = x.shape
    x = pad(x, o["padding"], 0.0 if "padding-wins" in slips else -np.inf)
    grad_y, (stride, dilation) = as_square(grad_y, slips), steps_back(o, slips)
    beyond = sum(o["kernel"]) if slips & _MISPLACED else 0
    canvas = np.zeros((N, C, x.shape[2] + beyond, x.shape[3] + beyond))
    for p, q in overwriting((grad_y.shape[2], grad_y.shape[3]), slips, "assign-elements"):
        patch = x[spot((p, q), o["kernel"], o["stride"], o["dilation"])]  # (N, C, KH, KW)
        given = _share(patch, slips, tie) * grad_y[:, :, p, q, None, None]
        if "times-the-maximum" in slips:
            given = given * patch.max((2, 3), keepdims=True)
        at = (0, 0) if "place-in-the-window" in slips else (p, q)
        place = canvas[spot(at, given.shape[2:], stride, dilation)]
        if "assign" in slips:  # only where a gradient is passed back
            place[...] = np.where(given != 0, given, place)
        else:
            overwrites = slips & {"assign-window", "assign-elements"}
            place[...] = given if overwrites else place + given
    need(not canvas[:, :, x.shape[2] :].any() and not canvas[..., x.shape[3] :].any())
    canvas = canvas[:, :, : x.shape[2], : x.shape[3]]
    if "input-first-channel" in slips:
        canvas[:, 1:] = 0
    return crop(canvas, (H, W), o, slips)


def _share(patch: Array, slips: frozenset[str], tie: str) -> Array:
    """Return the part of an output's gradient that each pixel of its window gets."""
    N, C, KH, KW = patch.shape
    if "every-pixel" in slips:
        return np.ones(patch.shape)
    if "averaged" in slips:
        return np.full(patch.shape, 1 / (KH * KW))
    best = patch == patch.max((2, 3), keepdims=True)
    if "every-tie" in slips:
        return best.astype(np.float64)
    if tie == "shared":
        return best / best.sum((2, 3), keepdims=True)
    flat = best.reshape(N, C, KH * KW)
    winner = flat.argmax(2) if tie == "first" else KH * KW - 1 - flat[:, :, ::-1].argmax(2)
    shape = (KH, KW)
    if "unravelled-by-height" in slips:
        shape = ((KH * KW - 1) // KH + 1, KH)
    share = np.zeros((N, C, shape[0] * shape[1]))
    np.put_along_axis(share, winner[:, :, None], 1.0, 2)
    share = share.reshape(N, C, *shape)
    return share.swapaxes(2, 3) if "winner-exchanged" in slips else share


MAX_POOL2D = Kind(
    name="max_pool2d",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("max_pool2d"),
    conventions=(
        Convention(
            "tie",
            "which of several equally large pixels gets the gradient",
            {
                "first": "the first in the order of rows",
                "last": "the last in the order of rows",
                "shared": "all of them, in equal shares",
            },
            ("grad_x",),
        ),
    ),
    make_cases=cases,
    make_small=small_cases,
    compute=compute,
)
