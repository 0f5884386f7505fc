"""Average pooling, and how it goes wrong: one plain implementation, its mistakes as switches."""

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


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of the case."""
    x, grad_y, o = case.arrays["x"], case.arrays["grad_y"], case.options
    if "true-division" in slips:
        return {}
    if "rows-not-brought-last" in slips:
        grad_y = as_rows(grad_y)
    counted = conventions.get("padding-counts", "yes") == "yes"
    passes = {
        "y": lambda: _forward(x, o, slips, counted),
        "grad_x": lambda: _grad_x(grad_y, x, o, slips, counted),
    }
    results = through(passes, slips)
    return results | doubled(results, ("grad_x",) if "input-not-cleared" in slips else ())


def _forward(x: Array, o: Options, slips: frozenset[str], counted: bool) -> Array:
    """Each output is the mean of the pixels under one window."""
    C, image = x.shape[1], np.ones_like(x)
    x, output, stride, dilation = look(x, o, slips)
    image = look(image, o, slips).x
    y = np.zeros((len(x), C, *output))
    (KH, KW) = o["kernel"]
    if "forward-square-window" in slips:
        KW = KH
    for p, q in positions(output):
        at = spot((p, q), (KH, KW), stride, dilation)
        total = x[at].sum((2, 3))
        count = x[at][0, 0].size if counted else image[at].sum((2, 3))
        need(x[at].shape[2:] == (KH, KW) or KW != o["kernel"][1])  # a slice ends with the image
        if "forward-sum" in slips:
            count = 1
        if "forward-square-divisor" in slips:
            count = o["kernel"][0] ** 2
        y[:, :, p, q] = total / count
    if "forward-channels-not-brought-back" in slips:
        y = y.transpose(0, 2, 3, 1).reshape(y.shape)
    if "forward-first-image" in slips:
        y[1:] = 0
    if "forward-first-channel" in slips:
        y[:, 1:] = 0
    return y


def _grad_x(grad_y: Array, x: Array, o: Options, slips: frozenset[str], counted: bool) -> Array:
    """Every output passes an equal share of its gradient to each pixel of its window."""
    (N, C, H, W), (KH, KW) = x.shape, o["kernel"]
    grad_y, (stride, dilation) = as_square(grad_y, slips), steps_back(o, slips)
    image = pad(np.ones_like(x), o["padding"])
    canvas = np.zeros(image.shape)
    OH, OW = grad_y.shape[2:]
    for p, q in overwriting((OH, OW), slips, "assign-elements"):
        seen = image[spot((p, q), (KH, KW), o["stride"], o["dilation"])]
        count = KH * KW if counted else seen.sum((2, 3), keepdims=True)
        if "undivided" in slips:
            count = 1
        if "square-divisor" in slips:
            count = KH * KH
        if "divided-by-outputs" in slips:
            count = OH * OW
        given = np.ones((N, C, KH, KW)) * grad_y[:, :, p, q, None, None] / count
        if "one-pixel" in slips:
            given[..., 1:, :] = given[..., 1:] = 0
        place = canvas[spot((p, q), (KH, KW), stride, dilation)]
        place[...] = given if slips & {"assign", "assign-elements"} else place + given
    if "input-first-channel" in slips:
        canvas[:, 1:] = 0
    return crop(canvas, (H, W), o, slips)


AVG_POOL2D = Kind(
    name="avg_pool2d",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("avg_pool2d"),
    conventions=(
        Convention(
            "padding-counts",
            "whether the padding's zeros count as pixels",
            {
                "yes": "the divisor is the size of the window",
                "no": "the divisor is the number of pixels that the window covers",
            },
            ("y", "grad_x"),
        ),
    ),
    make_cases=cases,
    make_small=small_cases,
    compute=compute,
)
