"""The case table of toy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import toy
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    x = inputs["x"]

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": toy.backward_input(grad_y, x, backend=backend)}

    return toy.forward(x, backend=backend), backward


CHAPTER = Chapter(
    name="toy",
    part="Neurons",
    after="activation",
    functions=("forward", "backward_input"),
    run=run,
    cases=(Case("a row", arrays(x=normal(4))), Case("maps", arrays(x=normal(2, 3, 4, 5)))),
    worked={
        "forward": {"x": np.array([1.0, -3.0])},
        "backward_input": {"grad_y": np.array([1.0, 2.0]), "x": np.array([1.0, -3.0])},
    },
)
