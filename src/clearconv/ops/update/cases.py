"""The case table of update: two steps of each rule, so that what is carried over shows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import update
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Return the weight after two steps, taken on copies; there is nothing to differentiate."""
    grad = inputs["grad"]
    changed = {name: array.copy() for name, array in inputs.items() if name != "grad"}
    weight, mean, square = (changed.get(name) for name in ("weight", "mean", "square"))
    for step in (1, 2):
        if weight is None or mean is None or square is None:
            update.sgd(changed["weight"], grad, changed.get("velocity"), **options, backend=backend)
        else:
            update.adam(weight, grad, mean, square, step=step, **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {}

    return changed["weight"], backward


def _positive(*shape: int) -> Callable[[np.random.Generator], Array]:
    return lambda rng: rng.uniform(0.1, 1, shape)


_plain = arrays(weight=normal(7), grad=normal(7))
_moving = arrays(weight=normal(7), grad=normal(7), velocity=normal(7))
_adam = arrays(weight=normal(7), grad=normal(7), mean=normal(7), square=_positive(7))
_filters = arrays(weight=normal(3, 2, 2, 2), grad=normal(3, 2, 2, 2), velocity=normal(3, 2, 2, 2))
_long = arrays(weight=normal(16390), grad=normal(16390))

CASES = (
    Case("sgd", _plain, {"lr": 0.1}),
    Case("sgd, decay", _plain, {"lr": 0.1, "weight_decay": 0.2}),
    Case("sgd, momentum", _moving, {"lr": 0.1, "momentum": 0.9}),
    Case("sgd, momentum, decay", _moving, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}),
    Case("sgd, nesterov", _moving, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    Case("sgd, filters", _filters, {"lr": 0.1, "momentum": 0.5}),
    Case("sgd, more than one piece", _long, {"lr": 0.1}),
    Case("adam", _adam, {"lr": 0.01}),
    Case("adam, decay", _adam, {"lr": 0.01, "weight_decay": 0.1}),
    Case("adam, other betas", _adam, {"lr": 0.01, "beta1": 0.5, "beta2": 0.9, "eps": 0.1}),
    Case("adamw", _adam, {"lr": 0.01, "weight_decay": 0.1, "decoupled": True}),
)

_count = 150_001
LARGE = (
    Case(
        "sgd",
        arrays(weight=normal(_count), grad=normal(_count), velocity=normal(_count)),
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
    ),
    Case(
        "adam",
        arrays(
            weight=normal(_count),
            grad=normal(_count),
            mean=normal(_count),
            square=_positive(_count),
        ),
        {"lr": 0.1, "weight_decay": 0.1},
    ),
)

_weight, _grad = np.array([1.0, -2.0]), np.array([0.5, 4.0])

CHAPTER = Chapter(
    name="update",
    part="The step",
    after="dropout",
    functions=("sgd", "adam"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "sgd": {"weight": _weight, "grad": _grad, "velocity": None, "lr": 0.1},
        "adam": {
            "weight": _weight.copy(),
            "grad": _grad,
            "mean": np.zeros(2),
            "square": np.zeros(2),
            "step": 1,
            "lr": 0.1,
        },
    },
)
