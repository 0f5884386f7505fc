"""The case table of squared_error."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import squared_error
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    loss, saved = squared_error.forward_saving(
        inputs["x"], inputs["target"], **options, backend=backend
    )

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": squared_error.backward_input(saved, grad_y, backend=backend)}

    return loss, backward


def _case(name: str, shape: tuple[int, ...], reduction: str) -> Case:
    makers = arrays(x=normal(*shape), target=normal(*shape))
    return Case(name, makers, {"reduction": reduction})


CASES = (
    *(_case(f"{reduction}, rows", (4, 3), reduction) for reduction in squared_error.REDUCTIONS),
    *(_case(f"{reduction}, images", (2, 3, 4, 2), reduction) for reduction in ("mean", "none")),
    _case("one row", (5,), "half_sum"),
)

LARGE = (Case("rows", arrays(x=normal(203, 411), target=normal(203, 411))),)

_x, _target = np.array([[1.0, 4.0]]), np.array([[3.0, 3.0]])

CHAPTER = Chapter(
    name="squared_error",
    part="Losses",
    after="cross_entropy",
    functions=("forward", "forward_saving", "backward_input"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "target": _target, "reduction": "half_sum"},
        "forward_saving": {"x": _x, "target": _target, "reduction": "half_sum"},
        "backward_input": {
            "saved": squared_error.SquaredErrorSaved(np.array([[-2.0, 1.0]]), "half_sum")
        },
    },
)
