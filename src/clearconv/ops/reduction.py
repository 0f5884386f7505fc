"""What the loss chapters share: how the numbers of a batch become one, and the way back."""

from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, DtypeError, ShapeError


def check_reduction(what: str, reduction: str, allowed: tuple[str, ...]) -> None:
    """Raise unless `reduction` is one of the allowed."""
    if reduction not in allowed:
        raise ArgumentError(
            f"{what}: reduction {reduction!r} is not known; choose one of {', '.join(allowed)}."
        )


def loss_gradient(
    what: str, grad_y: float | Array, shape: tuple[int, ...], dtype: npt.DTypeLike
) -> Array:
    """Return `grad_y` as an array in the loss's dtype; a plain number is taken for any shape."""
    if isinstance(grad_y, int | float) and not isinstance(grad_y, np.generic):
        return np.full(shape, grad_y, dtype=dtype)
    given: Array = np.asarray(grad_y)
    if given.shape != shape:
        raise ShapeError(
            f"{what}: grad_y has shape {given.shape}, but {shape} is expected: "
            "the shape of the loss."
        )
    if given.dtype != dtype:
        raise DtypeError(
            f"{what}: grad_y has dtype {given.dtype}, but the loss is {np.dtype(dtype)}. "
            "Convert it, or give a plain number."
        )
    return given


def as_loss(value: Any, dtype: npt.DTypeLike) -> Array:
    """Return the loss as an array, 0-d where it is one number."""
    return np.asarray(value, dtype=dtype)
