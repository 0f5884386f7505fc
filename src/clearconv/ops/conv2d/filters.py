"""Checks on the filters of a convolution."""

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, check, expect, filled, fits
from clearconv.errors import ShapeError
from clearconv.ops.geometry.window import IntOrPair, Padding, Pair, Window


def filters_window(
    what: str,
    x_shape: tuple[int, ...],
    weight: Array,
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
    groups: int,
) -> Window:
    """Check filters, channels and groups, and compute the geometry; `what` names the function."""
    check(what, "weight", weight, 4)
    return window_for(what, x_shape, weight.shape, stride, padding, dilation, groups)


def window_for(
    what: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
    groups: int,
) -> Window:
    """Check channels and groups, and compute the geometry, for filters of this shape."""
    C, (O, I, KH, KW) = x_shape[1], weight_shape
    if O < 1 or I < 1:
        raise ShapeError(f"{what}: weight is {weight_shape}, but no axis of it may be empty.")
    if groups < 1 or C % groups or O % groups:
        raise ShapeError(
            f"{what}: groups={groups}, but it must divide both the input channels ({C}) and the "
            f"output channels ({O})."
        )
    if I * groups != C:
        raise ShapeError(
            f"{what}: x has {C} channels (shape {tuple(x_shape)}), but weight {weight_shape} with "
            f"groups={groups} expects {I * groups}. Weights are (out, in/groups, rows, columns)."
        )
    H, W = x_shape[2:]
    return Window.of(what, (H, W), (KH, KW), stride, padding, dilation)


def check_shape(what: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> tuple[int, ...]:
    """Return the shape of filters if such filters can exist."""
    filled(what, "weight", shape, 0)
    fits(what, "weight", shape, np.dtype(dtype).itemsize)
    if len(shape) != 4:
        raise ShapeError(
            f"{what}: weight has shape {tuple(shape)}, {len(shape)} axes, but 4 are needed."
        )
    return tuple(shape)


def check_bias(what: str, bias: Array | None, channels: int, output: Pair) -> None:
    """Check that a bias, if any, has a number for each output channel, or each position of it."""
    if bias is None:
        return
    check(what, "bias", bias)
    if bias.ndim == 3:
        why = "one number for each output channel and position"
        expect(what, "bias", bias, (channels, *output), why)
    else:
        expect(what, "bias", bias, (channels,), "one number for each output channel")
