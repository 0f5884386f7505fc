"""The case table of group_norm: from one group (layer norm) to one per channel (instance norm)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import group_norm
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any."""
    weight, bias = inputs.get("weight"), inputs.get("bias")
    y, saved = group_norm.forward_saving(
        inputs["x"], weight=weight, bias=bias, **options, backend=backend
    )

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        if weight is None:
            return {"x": group_norm.backward_input(grad_y, None, saved, backend=backend)}
        grads = group_norm.backward(grad_y, weight, saved, backend=backend)
        return dict(zip(("x", "weight", "bias"), grads, strict=True))

    return y, backward


def _case(name: str, x: tuple[int, ...], groups: int, affine: bool = True, **options: Any) -> Case:
    C = x[0] if len(x) == 3 else x[1]
    parameters = {"weight": normal(C), "bias": normal(C)} if affine else {}
    return Case(name, arrays(x=normal(*x), **parameters), {"num_groups": groups, **options})


CASES = (
    _case("two groups", (3, 4, 4, 5), 2),
    _case("one group", (2, 3, 4, 3), 1),
    _case("a group a channel", (3, 3, 4, 5), 3),
    _case("a group a channel, no parameters", (2, 5, 3, 4), 5, affine=False),
    _case("features", (4, 6), 2),
    _case("one group of features", (3, 19), 1),
    _case("one image", (6, 4, 5), 3),
    _case("larger eps", (2, 4, 3, 4), 2, eps=0.5),
    _case("two numbers a group", (3, 4), 2, eps=0.1),
    _case("no parameters", (2, 6, 3, 3), 3, affine=False),
    _case("uneven channels", (9, 21, 3, 3), 7),
    _case("many rows", (2, 4, 13, 12), 2),
)

LARGE = (
    _case("groups", (11, 36, 29, 31), 4),
    _case("one group", (9, 19, 24, 23), 1),
    _case("a group a channel", (17, 64, 13, 12), 64),
    _case("features", (203, 412), 4),
)

# Mean 2 and variance (4 + 4 + 4 + 36) / 4 = 12; with eps 4 the root is 4, x̂ is -1/2 and once 3/2.
_x = np.array([[[[0.0, 0.0]], [[0.0, 8.0]]]])  # (1, 2, 1, 2)
_weight, _bias = np.array([1.0, 2.0]), np.array([0.0, 0.5])
_grad_y = np.array([[[[4.0, 0.0]], [[0.0, 0.0]]]])
_saved = group_norm.GroupNormSaved(_x, np.array([[2.0]]), np.array([[12.0]]), 4.0)

CHAPTER = Chapter(
    name="group_norm",
    part="Norms and dropout",
    after="batch_norm2d",
    functions=(
        "forward",
        "forward_saving",
        "backward",
        "backward_input",
        "backward_weight",
        "backward_bias",
    ),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "num_groups": 1, "weight": _weight, "bias": _bias, "eps": 4.0},
        "forward_saving": {"x": _x, "num_groups": 1, "weight": _weight, "bias": _bias, "eps": 4.0},
        "backward": {"grad_y": _grad_y, "weight": _weight, "saved": _saved},
        "backward_input": {"grad_y": _grad_y, "weight": _weight, "saved": _saved},
        "backward_weight": {"grad_y": _grad_y, "saved": _saved},
        "backward_bias": {"grad_y": _grad_y, "saved": _saved},
    },
)
