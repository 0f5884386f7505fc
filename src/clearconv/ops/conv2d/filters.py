"""What a convolution checks about its filters."""

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
    """Check channels and groups, and compute the geometry; `what` names the function."""
    check(what, "weight", weight, 4)
    C, (O, I) = x_shape[1], weight.shape[:2]
    if O < 1 or I < 1:
        raise ShapeError(f"{what}: weight is {weight.shape}, but no axis of it may be empty.")
    if groups < 1 or C % groups or O % groups:
        raise ShapeError(
            f"{what}: groups={groups}, but it must divide both the input channels ({C}) and the "
            f"output channels ({O})."
        )
    if I * groups != C:
        raise ShapeError(
            f"{what}: x has {C} channels (shape {tuple(x_shape)}), but weight {weight.shape} with "
            f"groups={groups} expects {I * groups}. Weights are (out, in/groups, rows, columns)."
        )
    H, W = x_shape[2:]
    return Window.of(what, (H, W), weight.shape[2:], stride, padding, dilation)


def filters_of(what: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return filters of this shape, whose numbers do not matter, to check the geometry with."""
    filled(what, "weight", shape, 0)
    fits(what, "weight", shape, np.dtype(dtype).itemsize)
    return check(what, "weight", np.empty(shape, dtype), 4)


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
