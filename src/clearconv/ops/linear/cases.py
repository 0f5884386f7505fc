"""The case table of linear."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import linear
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any."""
    x, weight = inputs["x"], inputs["weight"]
    y = linear.forward(x, weight, inputs.get("bias"), backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        grads = {
            "x": linear.backward_input(grad_y, weight, backend=backend),
            "weight": linear.backward_weight(grad_y, x, backend=backend),
        }
        if "bias" in inputs:
            grads["bias"] = linear.backward_bias(grad_y, backend=backend)
        return grads

    return y, backward


def _case(name: str, x: tuple[int, ...], O: int, bias: bool = True) -> Case:
    extra = {"bias": normal(O)} if bias else {}
    return Case(name, arrays(x=normal(*x), weight=normal(O, x[-1]), **extra))


CASES = (
    _case("plain", (4, 5), 3),
    _case("one sample", (6,), 4),
    _case("no bias", (3, 4), 2, bias=False),
    _case("one sample, no bias", (3,), 2, bias=False),
    _case("one input", (3, 1), 4),
    _case("one output", (5, 7), 1),
    _case("batch of one", (1, 9), 5),
    _case("uneven vectors", (9, 37), 19),
    _case("wide", (2, 300), 33),
)

LARGE = (
    _case("wide", (67, 1203), 50),
    _case("few classes", (203, 411), 10),
    _case("many outputs", (35, 203), 411),
    _case("many samples", (9001, 17), 6),
)

_x = np.array([[1, 2, 0], [-1, 0, 3]], dtype=float)
_weight = np.array([[1, 0, 2], [-1, 1, 0]], dtype=float)
_grad_y = np.array([[1, 2], [0, -1]], dtype=float)

CHAPTER = Chapter(
    name="linear",
    part="Neurons",
    after="upsample2d",
    functions=("forward", "backward_input", "backward_weight", "backward_bias"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "weight": _weight, "bias": np.array([0.5, 0.0])},
        "backward_input": {"grad_y": _grad_y, "weight": _weight},
        "backward_weight": {"grad_y": _grad_y, "x": _x},
        "backward_bias": {"grad_y": _grad_y},
    },
)
