"""The mistakes that convolution, pooling and im2col share: how windows lie, and what is cut off."""

from typing import NamedTuple

import numpy as np

from clearconv.doctor.kinds._windows import (
    Array,
    Options,
    Pair,
    leftover,
    output_size,
    pad,
    reach,
)


class Look(NamedTuple):
    """How a forward pass reads images: padding, positions and steps of the windows."""

    x: Array
    output: Pair
    stride: Pair
    dilation: Pair


def look(x: Array, o: Options, slips: frozenset[str], fill: float = 0.0) -> Look:
    """Pad the images with `fill` and place the windows, correctly or with these mistakes made."""
    padding, (sh, sw), dilation = o["padding"], o["stride"], o["dilation"]
    if "forward-no-padding" in slips:
        padding = (0, 0)
    if "forward-padding-exchanged" in slips:
        padding = padding[::-1]
    OH, OW = output_size((x.shape[2], x.shape[3]), {**o, "padding": padding})
    if "forward-size-without-padding" in slips:
        OH, OW = output_size((x.shape[2], x.shape[3]), {**o, "padding": (0, 0)})
    if "rows-without-padding" in slips:
        need(padding == (0, 0))
    x = pad(x, padding, fill)
    if "forward-padding-in-the-corner" in slips:
        x = np.roll(x, [-side for side in padding], (2, 3))
    if "forward-one-stride" in slips:
        sw = sh
    if "forward-no-stride" in slips:
        sh = sw = 1
    if "forward-no-dilation" in slips:
        dilation = (1, 1)
    if "forward-size" in slips:
        OH, OW = OH - 1, OW - 1
    if "forward-square" in slips:
        OW = OH
    return Look(x, (OH, OW), (sh, sw), dilation)


def steps_back(o: Options, slips: frozenset[str]) -> tuple[Pair, Pair]:
    """Return the stride and dilation by which the input gradient goes back."""
    stride, dilation = o["stride"], o["dilation"]
    if "input-one-stride" in slips:
        stride = stride[0], stride[0]
    if "no-spread" in slips:
        stride = (1, 1)
    if "input-no-dilation" in slips:
        dilation = (1, 1)
    return stride, dilation


def as_square(grad_y: Array, slips: frozenset[str]) -> Array:
    """Return the error terms seen by a pass that counts columns by the number of rows."""
    if "input-square" not in slips:
        return grad_y
    need(grad_y.shape[2] <= grad_y.shape[3])
    return grad_y[..., : grad_y.shape[2]]


def as_rows(grad_y: Array) -> Array:
    """Return the error terms as read by a program that takes (N, C, OH, OW) for (N, OH, OW, C).

    ``grad_y.reshape(-1, C)`` cuts rows off as they lie in memory; only with the channels brought
    last is each of them one position.
    """
    N, C, OH, OW = grad_y.shape
    return grad_y.reshape(N, OH, OW, C).transpose(0, 3, 1, 2)


def as_columns(weight: Array) -> Array:
    """Return a matrix of columns, one per filter, read as if the filters were its rows."""
    return weight.reshape(-1, len(weight)).T.reshape(weight.shape)


def crop(canvas: Array, image: Pair, o: Options, slips: frozenset[str]) -> Array:
    """Cut the padding off the gradient of the padded images."""
    (H, W), (ph, pw) = image, o["padding"]
    left_h, left_w = leftover(image, o)
    if "input-first-image" in slips:
        canvas[1:] = 0
    if "padding-exchanged" in slips:
        ph, pw = pw, ph
    if "leftover-in-front" in slips:
        canvas = np.roll(canvas, (left_h, left_w), (2, 3))
    if "leftover-lost" in slips:
        canvas = canvas[:, :, : canvas.shape[2] - left_h, : canvas.shape[3] - left_w]
    if "width-for-both" in slips:
        reach_h, reach_w = reach(o)
        shift = (reach_w - o["padding"][1]) - (reach_h - o["padding"][0])
        need(shift >= 0)
        canvas = pad(canvas, (shift, 0))[:, :, : canvas.shape[2]]
    if "padding-kept" in slips:
        return canvas
    if "canvas-kept" in slips:
        spare = [(0, 0), (0, 0), *((0, step - 1) for step in o["stride"])]
        return np.pad(canvas, spare)
    if "crop-starts-exchanged" in slips:
        return canvas[:, :, pw : pw + H, ph : ph + W]
    if "padding-from-the-corner" in slips:
        return canvas[:, :, :H, :W]
    if "crop-by-minus-zero-stops" in slips:
        need(ph > 0 and pw > 0)
    if "crop-by-minus-zero" in slips:
        return canvas[:, :, ph:-ph, pw:-pw]
    return canvas[:, :, ph : canvas.shape[2] - ph, pw : canvas.shape[3] - pw]


def need(fits: bool) -> None:
    """Stop like a program whose index is out of range."""
    if not fits:
        raise IndexError
