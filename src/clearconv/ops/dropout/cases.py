"""The case table of dropout."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import dropout
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    y, saved = dropout.forward_saving(inputs["x"], **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": dropout.backward_input(grad_y, saved, backend=backend)}

    return y, backward


def _case(name: str, x: tuple[int, ...], p: float, samples: Any = None) -> Case:
    named = tuple(range(x[0])) if samples is None else samples
    key = dropout.DropoutKey(seed=1, path="drop", epoch=2, step=3, samples=named)
    return Case(name, arrays(x=normal(*x)), {"p": p, "key": key})


CASES = (
    _case("images", (3, 2, 4, 5), 0.5),
    _case("features", (4, 9), 0.2),
    _case("most are dropped", (2, 40), 0.95),
    _case("nothing is dropped", (2, 3), 0.0),
    _case("one number a sample", (5,), 0.4),
    _case("samples in any order", (3, 11), 0.5, samples=np.array([907, 3, 3])),
)

LARGE = (_case("images", (11, 35, 29, 31), 0.4),)

_x = np.array([[1.0, 2.0, -3.0, 4.0]])
_key = dropout.DropoutKey(seed=0, path="drop", epoch=0, step=0, samples=(0,))

CHAPTER = Chapter(
    name="dropout",
    part="Norms and dropout",
    after="group_norm",
    functions=("forward", "forward_saving", "backward_input", "mask"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "p": 0.5, "key": _key},
        "forward_saving": {"x": _x, "p": 0.5, "key": _key},
        "backward_input": {
            "grad_y": np.array([[1.0, -1.0, 2.0, 0.5]]),
            "saved": dropout.DropoutSaved(np.array([[True, False, True, False]]), 0.5),
        },
        "mask": {"shape": (1, 4), "p": 0.5, "key": _key},
    },
)
