"""The case table of softmax."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import softmax
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    y = softmax.forward(inputs["x"], **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": softmax.backward_input(grad_y, y, **options, backend=backend)}

    return y, backward


CASES = (
    Case("rows", arrays(x=normal(4, 5))),
    Case("one row", arrays(x=normal(6))),
    Case("one class", arrays(x=normal(3, 1))),
    Case("two classes", arrays(x=normal(3, 2))),
    Case("first axis", arrays(x=normal(3, 4)), {"axis": 0}),
    Case("a class for every pixel", arrays(x=normal(2, 3, 4, 5)), {"axis": 1}),
    Case("negative axis", arrays(x=normal(2, 3, 4)), {"axis": -2}),
)

LARGE = (
    Case("rows", arrays(x=normal(203, 411))),
    Case("pixels", arrays(x=normal(11, 35, 29, 31)), {"axis": 1}),
)

# Logits ln 1, ln 2, ln 5: the powers are 1, 2, 5 and their sum is 8.
_x = np.log(np.array([[1.0, 2.0, 5.0]]))
_y = np.array([[0.125, 0.25, 0.625]])

CHAPTER = Chapter(
    name="softmax",
    part="Losses",
    after="activation",
    functions=("forward", "backward_input"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x},
        "backward_input": {"grad_y": np.array([[0.0, 0.0, 8.0]]), "y": _y},
    },
)
