"""The case table of batch_norm2d: training and evaluation, images and features."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import batch_norm2d
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any."""
    weight, statistics = inputs["weight"], (inputs.get("mean"), inputs.get("var"))
    y, saved = batch_norm2d.forward_saving(
        inputs["x"], weight, inputs["bias"], options.get("eps", 1e-5), *statistics, backend=backend
    )

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        grads = batch_norm2d.backward(grad_y, weight, saved, backend=backend)
        return dict(zip(("x", "weight", "bias"), grads, strict=True))

    return y, backward


def _case(name: str, x: tuple[int, ...], evaluation: bool = False, **options: Any) -> Case:
    C = x[0] if len(x) == 3 else x[1]
    makers = {"x": normal(*x), "weight": normal(C), "bias": normal(C)}
    if evaluation:
        makers["mean"] = normal(C)
        makers["var"] = lambda rng: rng.uniform(0.5, 2, C)
    return Case(name, arrays(**makers), options)


CASES = (
    _case("images", (3, 2, 4, 5)),
    _case("features", (6, 3)),
    _case("one image", (3, 4, 5)),
    _case("larger eps", (2, 3, 3, 4), eps=0.5),
    _case("one channel", (2, 1, 3, 2)),
    _case("two numbers a channel", (2, 3), eps=0.1),
    _case("uneven channels", (2, 19, 4, 3)),
    _case("many rows", (8, 4, 9, 8)),
    _case("evaluation", (2, 3, 4, 5), evaluation=True),
    _case("evaluation of features", (4, 3), evaluation=True),
    _case("evaluation of one sample", (1, 5), evaluation=True, eps=1e-3),
)

LARGE = (
    _case("images", (11, 35, 29, 31)),
    _case("wide", (9, 128, 8, 9)),
    _case("features", (203, 411)),
)

# Mean 2 and variance 4, so that the root is 2 and x̂ is -1, 1, 1, -1.
_x = np.array([0.0, 4.0, 4.0, 0.0]).reshape(4, 1)
_weight, _bias = np.array([3.0]), np.array([0.5])
_grad_y = np.array([1.0, 0.0, 2.0, 1.0]).reshape(4, 1)
_mean, _var = np.array([2.0]), np.array([4.0])
_saved = batch_norm2d.BatchNormSaved(_x, _mean, _var, 0.0, fixed=False)

CHAPTER = Chapter(
    name="batch_norm2d",
    part="Norms and dropout",
    after="squared_error",
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
        "forward": {
            "x": _x,
            "weight": _weight,
            "bias": _bias,
            "mean": _mean,
            "var": _var,
            "eps": 0.0,
        },
        "forward_saving": {"x": _x, "weight": _weight, "bias": _bias, "eps": 0.0},
        "backward": {"grad_y": _grad_y, "weight": _weight, "saved": _saved},
        "backward_input": {"grad_y": _grad_y, "weight": _weight, "saved": _saved},
        "backward_weight": {"grad_y": _grad_y, "saved": _saved},
        "backward_bias": {"grad_y": _grad_y, "saved": _saved},
    },
)
