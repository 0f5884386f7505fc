"""The case table of global_avg_pool2d."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.ops import global_avg_pool2d
from clearconv.ops._arrays import Array
from clearconv.ops._case import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    x = inputs["x"]
    y = global_avg_pool2d.forward(x, **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": global_avg_pool2d.backward_input(grad_y, x.shape, backend=backend)}

    return y, backward


def _case(name: str, *x: int) -> Case:
    return Case(name, arrays(x=normal(*x)))


CASES = (
    _case("plain", 2, 3, 4, 5),
    _case("one map", 4, 3),
    _case("one image", 3, 4, 5),
    _case("many channels", 3, 35, 7, 7),
    _case("one row", 2, 3, 1, 6),
    _case("one pixel", 2, 3, 1, 1),
)

_x = np.array([[[1, 2], [3, 6]], [[0, 4], [-4, 8]]], dtype=float)[np.newaxis]

CHAPTER = Chapter(
    name="global_avg_pool2d",
    functions=("forward", "backward_input"),
    run=run,
    cases=CASES,
    worked={
        "forward": {"x": _x},
        "backward_input": {
            "grad_y": np.array([4.0, -8.0]).reshape(1, 2, 1, 1),
            "x_shape": _x.shape,
        },
    },
)
