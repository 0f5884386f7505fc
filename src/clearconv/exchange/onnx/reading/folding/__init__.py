"""Operators on constants: computed once while a file is read, in NumPy.

``FOLDS`` maps the type of an operator to a function that takes the operator and its inputs (None
for one left out) and returns its outputs. Shape arithmetic needs no more than these.
"""

from collections.abc import Callable, Sequence

import numpy as np

from clearconv.errors import ModelFileError
from clearconv.exchange.onnx.reading.folding.arithmetic import ARITHMETIC
from clearconv.exchange.onnx.reading.folding.reordering import REORDERING
from clearconv.exchange.onnx.reading.folding.room import Room
from clearconv.exchange.onnx.reading.plain import AnyArray, Operator

Fold = Callable[[Operator, Sequence[AnyArray | None], int], Sequence[AnyArray]]

FOLDS: dict[str, Fold] = {**ARITHMETIC, **REORDERING}

__all__ = ["FOLDS", "Room", "folded"]


def folded(
    operator: Operator, inputs: Sequence[AnyArray | None], opset: int, room: Room
) -> Sequence[AnyArray]:
    """Return an operator's results on constants.

    Parameters
    ----------
    operator : Operator
        An operator whose type is in ``FOLDS``.
    inputs : sequence of ndarray or None
        Its inputs; None for one left out.
    opset : int
        Version of the operators.
    room : Room
        Memory that constants may take.

    Raises
    ------
    ModelFileError
        If the operator cannot be computed on these.
    """
    try:
        room.expect(operator, inputs)
        with np.errstate(all="ignore"):
            results = FOLDS[operator.kind](operator, inputs, opset)
    except ModelFileError:
        raise
    except MemoryError:
        raise ModelFileError(f"{operator.label}: its result does not fit into memory") from None
    except Exception as error:  # a made-up attribute may break an operator in any way
        shapes = ", ".join("-" if one is None else str(one.shape) for one in inputs)
        raise ModelFileError(
            f"{operator.label} on constants of shape {shapes}: {type(error).__name__}: {error}"
        ) from None
    room.take(operator, results)
    return results
