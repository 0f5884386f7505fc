"""The checks that learners know: do they see a mistake?

All use the shapes of the article's own gradient test where there are such: one 5x5 image of three
channels, two filters of 3x3, stride 2, padding 1; pools of 2x2 side by side on 4x4.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from clearconv.doctor.kinds import Case, Kind
from clearconv.random import generator

_STEP = 1e-5
_THRESHOLD = 1e-4  # mean relative error above which the numeric check says "wrong"

_CONV = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1)}
_POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}

#: Kind -> shapes of the arrays, options.
_CLASSIC: dict[str, tuple[dict[str, tuple[int, ...]], dict[str, object]]] = {
    "conv2d": (
        {"x": (1, 3, 5, 5), "weight": (2, 3, 3, 3), "bias": (2,), "grad_y": (1, 2, 3, 3)},
        {**_CONV, "lr": 0.1},
    ),
    "max_pool2d": ({"x": (1, 2, 4, 4), "grad_y": (1, 2, 2, 2)}, _POOL),
    "avg_pool2d": ({"x": (1, 2, 4, 4), "grad_y": (1, 2, 2, 2)}, _POOL),
    "im2col": ({"x": (1, 3, 5, 5)}, {**_CONV, "x_shape": (1, 3, 5, 5), "cols_shape": (1, 27, 9)}),
    "col2im": ({"cols": (1, 27, 9)}, {**_CONV, "x_shape": (1, 3, 5, 5), "cols_shape": (1, 27, 9)}),
    "linear": (
        {"x": (1, 4), "weight": (3, 4), "bias": (3,), "grad_y": (1, 3)},
        {"lr": 0.1},
    ),
    "relu": ({"x": (3, 4), "grad_y": (3, 4)}, {}),
    "sigmoid": ({"x": (3, 4), "grad_y": (3, 4)}, {}),
    "batch_norm": (
        {"x": (4, 5), "gamma": (5,), "beta": (5,), "running_mean": (5,), "running_var": (5,),
         "grad_y": (4, 5)},
        {"training": True, "eps": 1e-5, "momentum": 0.1},
    ),
    "dropout": (
        {"x": (4, 5), "grad_y": (4, 5), "draws": (4, 5), "draws@2": (4, 5), "draws-back": (4, 5)},
        {"p": 0.5, "training": True},
    ),
    "softmax": ({"x": (3, 4), "grad_y": (3, 4)}, {}),
    "softmax_cross_entropy": ({"x": (3, 4)}, {}),
}  # fmt: skip

#: Results that are no gradients, and those that are, with what they are gradients by.
_FORWARD = ("y", "loss")
_BY = {"grad_x": "x", "grad_weight": "weight", "grad_bias": "bias", "grad_gamma": "gamma",
       "grad_beta": "beta"}  # fmt: skip


def all_ones(kind: Kind, slip: str) -> bool:
    """Say whether the known right numbers of the article's test show it: error terms all 1."""
    case = _classic(kind)
    ones = {name: np.ones_like(case.arrays[name]) for name in case.arrays if name == "grad_y"}
    return _differs(kind, replace(case, arrays={**case.arrays, **ones}), slip)


def random_errors(kind: Kind, slip: str) -> bool:
    """Say whether the same shapes with random error terms show it."""
    return _differs(kind, _classic(kind), slip)


def numeric(kind: Kind, slip: str) -> bool:
    """Say whether the program's gradients differ from differences of its own forward pass."""
    case, slips = _classic(kind), frozenset({slip})
    got = kind.run(case, slips)
    if any(name not in got for name in kind.run(case)):
        return True  # it stops with an error
    for result, by in _BY.items():
        if result in got and by in case.arrays:
            wanted = _differences(kind, case, slips, by)
            if (
                got[result].shape != wanted.shape
                or not _mean_error(got[result], wanted) < _THRESHOLD
            ):
                return True
    return False


#: Column of the table -> (kind, key of a mistake) -> whether it is exposed.
CHECKS: dict[str, Callable[[Kind, str], bool]] = {
    "article's shapes, error terms all 1": all_ones,
    "the same, random error terms": random_errors,
    "numeric gradients, mean relative error": numeric,
}


def _classic(kind: Kind) -> Case:
    """Return the article's case of a kind, with normal numbers."""
    shapes, options = _CLASSIC[kind.name]
    arrays = {}
    for name, shape in shapes.items():
        rng = generator(0, "article's shapes", f"{kind.name} {name}")
        positive = name.startswith("draws") or name == "running_var"
        arrays[name] = rng.random(shape) if positive else rng.standard_normal(shape)
    if kind.name == "softmax_cross_entropy":
        arrays["labels"] = np.array([2, 0, 3])
    return Case("the article's", arrays, options)


def _differs(kind: Kind, case: Case, slip: str) -> bool:
    """Say whether one call gives other numbers than it should."""
    right, got = kind.run(case), kind.run(case, frozenset({slip}))
    return any(
        name not in got
        or got[name].shape != right[name].shape
        or not np.allclose(got[name], right[name], rtol=1e-6, atol=1e-9)
        for name in right
        if "@" not in name
    )


def _differences(kind: Kind, case: Case, slips: frozenset[str], by: str) -> np.ndarray:
    """Return central differences of the loss, y times its error terms, by one input."""
    array = case.arrays[by]
    gradient = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        losses = []
        for step in (_STEP, -_STEP):
            moved = array.copy()
            moved[at] += step
            results = kind.run(replace(case, arrays={**case.arrays, by: moved}), slips)
            losses.append(_loss(results, case))
        gradient[at] = (losses[0] - losses[1]) / (2 * _STEP)
    return gradient


def _loss(results: dict[str, np.ndarray], case: Case) -> float:
    if "loss" in results:
        return float(results["loss"])
    y, grad_y = results["y"], case.arrays["grad_y"]
    return float((y * grad_y).sum()) if y.shape == grad_y.shape else float("nan")


def _mean_error(got: np.ndarray, wanted: np.ndarray) -> float:
    """Return the mean relative error, as such checks print it."""
    error = np.abs(got - wanted) / np.maximum(1e-8, np.abs(got) + np.abs(wanted))
    return float(error.mean())
