"""How much memory constants may take while a file is read."""

from collections.abc import Sequence
from math import prod

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator

#: Operators whose result is a view of their first input, or of one number.
_VIEWS = {"Constant", "ConstantOfShape", "Expand", "Identity", "Shape", "Size", "Slice", "Split"}
_VIEWS |= {"Transpose"}
#: The same where the input is contiguous.
_MAYBE_VIEWS = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}

_LEAST = 2**26  # bytes that every file may fill with computed constants: 64 MiB


class Room:
    """Bytes left for constants that are computed.

    Parameters
    ----------
    size : int
        Bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self.left = _LEAST + 2 * size

    def expect(self, operator: Operator, inputs: Sequence[AnyArray | None]) -> None:
        """Raise if the result will be larger than what is left, before it is computed."""
        self._check(operator, _bytes_ahead(operator, inputs))

    def take(self, operator: Operator, results: Sequence[AnyArray]) -> None:
        """Note what results take; a view of stored numbers takes nothing."""
        taken = sum(one.nbytes for one in results if one.base is None)
        self._check(operator, taken)
        self.left -= taken

    def _check(self, operator: Operator, size: int) -> None:
        if size > self.left:
            raise ModelFileError(
                f"{operator.label} would make constants of {size:,} bytes, more than a file of "
                "this size needs"
            )


def _bytes_ahead(operator: Operator, inputs: Sequence[AnyArray | None]) -> int:
    """Return the bytes that a result will take; a view of stored numbers takes none."""
    arrays = [one for one in inputs if one is not None]
    if not arrays or operator.kind in _VIEWS:
        return 0
    first, most = arrays[0], max(one.itemsize for one in arrays)
    if operator.kind in _MAYBE_VIEWS:
        return 0 if first.flags.c_contiguous else first.nbytes
    if operator.kind == "Range":
        start, limit, delta = (float(one.reshape(())) for one in arrays)
        return int(8 * max(0.0, (limit - start) / delta)) if delta else 0
    if operator.kind == "Tile" and len(arrays) == 2:
        return first.nbytes * _product(arrays[1])
    if operator.kind == "Gather" and len(arrays) == 2:
        return first.nbytes // max(1, min(first.shape, default=1)) * arrays[1].size
    if operator.kind == "MatMul" and len(arrays) == 2 and all(one.ndim for one in arrays):
        rows = first.size // max(1, first.shape[-1])
        return most * rows * max(1, arrays[1].size // max(1, first.shape[-1]))
    if operator.kind in ("Cast", "DequantizeLinear"):
        return 4 * first.size
    if operator.kind == "Concat":
        return sum(one.nbytes for one in arrays)
    if operator.kind.startswith("Reduce"):
        return first.nbytes
    return most * prod(np.broadcast_shapes(*(one.shape for one in arrays)))


def _product(sizes: AnyArray) -> int:
    return prod(max(0, int(size)) for size in sizes.reshape(-1)[:64])
