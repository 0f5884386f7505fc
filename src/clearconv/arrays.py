"""What every chapter's contract checks about its arrays.

Every axis of images or features needs at least one element; the batch may be empty: without images
there are no results, and the parameters' gradients are 0. A mean over a batch needs at least one
image.
"""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.errors import DtypeError, ShapeError
from clearconv.machine import allowed_memory

#: float32 or float64, the same for all arrays of one operation.
Array = npt.NDArray[Any]
#: Sizes of the axes; in a layer without the batch axis.
Shape = tuple[int, ...]

_DTYPES = np.dtype(np.float32), np.dtype(np.float64)
_SMALL = 2**28  # bytes; for larger arrays it is worth checking that there is enough memory


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
    if array.nbytes > _SMALL:  # a view that repeats a number may have any size
        fits(what, name, array.shape, array.itemsize)
    return array


def filled(what: str, name: str, shape: tuple[int, ...], first: int) -> None:
    """Raise if an axis from `first` on is empty; the axes before it are the batch's."""
    if min(shape[first:], default=1) < 1:
        raise ShapeError(
            f"{what}: {name} has shape {tuple(shape)}, but only the batch may be empty; each other "
            "axis needs at least one element. Was the array cut too short, or has an earlier layer "
            "left nothing of the image?"
        )


def fits(what: str, name: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Raise if this machine's memory could not hold an array of this shape."""
    size = prod(shape) * itemsize
    if size <= _SMALL:
        return
    memory = allowed_memory()
    if size > memory:
        raise ShapeError(
            f"{what}: {name} of shape {tuple(shape)} takes {size >> 20:,} MiB, but there are only "
            f"{memory >> 20:,} MiB of memory. Is one of the sizes a mistake? If not, use smaller "
            "images, or fewer at a time."
        )


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
    """View one map (H, W), one image (C, H, W) or a batch as (N, C, H, W); a view."""
    check(what, name, x, (2, 3, 4))
    filled(what, name, x.shape, max(x.ndim - 3, 0))
    return x if x.ndim == 4 else x[(np.newaxis,) * (4 - x.ndim)]  # (N, C, H, W)


def as_images(array: Array) -> Array:
    """View features (N, C) and one image (C, H, W) as (N, C, H, W); a view."""
    if array.ndim == 2:
        return array[:, :, np.newaxis, np.newaxis]
    return array[np.newaxis] if array.ndim == 3 else array


def batch_shape(what: str, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """View the shape of a map, image or batch as (N, C, H, W)."""
    if len(shape) not in (2, 3, 4):
        raise ShapeError(
            f"{what}: x_shape is {shape}, but (H, W), (C, H, W) or (N, C, H, W) is needed."
        )
    filled(what, "x", shape, max(len(shape) - 3, 0))
    fits(what, "x", shape, _DTYPES[0].itemsize)
    N, C, H, W = (1,) * (4 - len(shape)) + tuple(shape)
    return N, C, H, W


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike, out: Array | None = None) -> Array:
    """Return zeros: `out` with its numbers overwritten, or a new array."""
    if out is None:
        return np.zeros(shape, dtype)
    out[...] = 0
    return out


def zeros_like(array: Array, out: Array | None = None) -> Array:
    """Return zeros in the memory order of `array`: `out` overwritten, or a new array."""
    if out is None:
        return np.zeros_like(array)
    out[...] = 0
    return out


def put(value: Array, out: Array | None) -> Array:
    """Return `value` itself, or `out` with a copy of it."""
    if out is None:
        return value
    out[...] = value
    return out


class Destination:
    """Where the result of a function goes: the caller's `out`, or an array that the telling makes.

    Parameters
    ----------
    what : str
        Name of the function in error messages.
    out : ndarray or None
        The caller's `out`.
    shape : tuple of int
        Shape of the result, without the axes that a single image or map lacks.
    dtype : dtype
        Dtype of the result.
    *inputs : ndarray or None
        Arrays that the telling reads while it writes.
    axes : int
        Smallest number of axes of the telling's result; the caller's shape lacks the leading ones.

    Attributes
    ----------
    place : ndarray or None
        A view of `out` with the telling's axes, to be written into. None if the telling makes an
        array: without an `out`, or if `out` may share memory with an input, whose numbers would
        be overwritten before they are read.

    Raises
    ------
    ShapeError
        If `out` has another shape or dtype, or is read-only.
    """

    __slots__ = ("_out", "_shape", "place")

    def __init__(
        self,
        what: str,
        out: Array | None,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        *inputs: Array | None,
        axes: int = 0,
    ) -> None:
        self._out, self._shape = out, shape
        self.place: Array | None = None
        if out is None:
            return
        if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
            got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ShapeError(f"{what}: out is {got}, but {np.dtype(dtype)} {shape} is needed.")
        if not out.flags.writeable:
            raise ShapeError(
                f"{what}: out is read-only, but receives the result. Pass an array of your own, "
                "such as out.copy()."
            )
        if not any(array is not None and np.may_share_memory(out, array) for array in inputs):
            self.place = out if out.ndim >= axes else out[(np.newaxis,) * (axes - out.ndim)]

    def result(self, value: Array) -> Array:
        """Return the telling's result in its final shape, in `out` if there is one."""
        if self._out is None:
            return value if value.shape == self._shape else value.reshape(self._shape)
        if not np.may_share_memory(value, self._out):  # computed in another array
            np.copyto(self._out, value.reshape(self._shape))
        return self._out


def finite(array: npt.NDArray[np.floating]) -> bool:
    """Return whether every number is finite: by one sum, and one by one only if that is not."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())
