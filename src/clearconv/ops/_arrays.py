"""What every chapter's contract checks about its arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.errors import DtypeError, ShapeError

#: float32 or float64, every element of one operation alike.
Array = npt.NDArray[Any]

_DTYPES = np.dtype(np.float32), np.dtype(np.float64)


def check(what: str, name: str, array: Array, ndim: int | tuple[int, ...] | None = None) -> Array:
    """Return `array` if it is a float32 or float64 array with one of the allowed ranks."""
    if not isinstance(array, np.ndarray):
        raise DtypeError(
            f"{what}: {name} is a {type(array).__name__}, but a NumPy array is needed. "
            f"Try np.asarray({name}, dtype='float32')."
        )
    if array.dtype not in _DTYPES:
        raise DtypeError(
            f"{what}: {name} has dtype {array.dtype}, but float32 or float64 is needed. "
            f"Try {name}.astype('float32')."
        )
    if ndim is not None:
        allowed = (ndim,) if isinstance(ndim, int) else ndim
        if array.ndim not in allowed:
            ranks = " or ".join(str(rank) for rank in allowed)
            raise ShapeError(
                f"{what}: {name} has shape {array.shape}, {array.ndim} axes, but {ranks} "
                "are needed."
            )
    return array


def same_dtype(what: str, **arrays: Array | None) -> None:
    """Raise if two of the arrays differ in dtype; clearconv never converts silently."""
    kinds = {name: array.dtype for name, array in arrays.items() if array is not None}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} {dtype}" for name, dtype in kinds.items())
        raise DtypeError(f"{what}: the arrays' dtypes differ ({listed}). Convert them to one.")


def expect(what: str, name: str, array: Array, shape: tuple[int, ...], why: str) -> None:
    """Raise unless `array` has exactly this shape; `why` says where that shape comes from."""
    if array.shape != shape:
        raise ShapeError(f"{what}: {name} has shape {array.shape}, but {shape} is expected: {why}.")


def as_batch(what: str, x: Array, name: str = "x") -> Array:
    """See one map (H, W), one image (C, H, W) or a batch as (N, C, H, W); a view."""
    check(what, name, x, (2, 3, 4))
    return x if x.ndim == 4 else x[(np.newaxis,) * (4 - x.ndim)]  # (N, C, H, W)


def as_images(array: Array) -> Array:
    """See features (N, C) and one image (C, H, W) as (N, C, H, W); a view."""
    if array.ndim == 2:
        return array[:, :, np.newaxis, np.newaxis]
    return array[np.newaxis] if array.ndim == 3 else array


def batch_shape(what: str, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """See the shape of a map, image or batch as (N, C, H, W)."""
    if len(shape) not in (2, 3, 4):
        raise ShapeError(
            f"{what}: x_shape is {shape}, but (H, W), (C, H, W) or (N, C, H, W) is needed."
        )
    N, C, H, W = (1,) * (4 - len(shape)) + tuple(shape)
    return N, C, H, W


def result(what: str, value: Array, shape: tuple[int, ...], out: Array | None) -> Array:
    """Give `value` its final shape (a leading axis of one may fall away), into `out` if given."""
    value = value.reshape(shape) if value.shape != shape else value
    if out is None:
        return value
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != value.dtype:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ShapeError(f"{what}: out is {got}, but {value.dtype} {shape} is needed.")
    np.copyto(out, value)
    return out
