"""The case table of cross_entropy: labels and probabilities, smoothing, weights, reductions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import cross_entropy
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    x = inputs["x"]
    fitting = {name: _like(x, value) for name, value in options.items()}
    loss, saved = cross_entropy.forward_saving(x, **fitting, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": cross_entropy.backward_input(saved, grad_y, backend=backend)}

    return loss, backward


def _like(x: Array, value: Any) -> Any:
    """Give arrays of floats among the options the dtype of x."""
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(x.dtype) if floats else value


def _case(name: str, x: tuple[int, int], target: Any, **options: Any) -> Case:
    return Case(name, arrays(x=normal(*x)), {"target": np.array(target), **options})


_LABELS = [2, 0, 2, 1]
_PROBABILITIES = [[0.5, 0.25, 0.25], [0, 1, 0], [0.1, 0.2, 0.7], [0, 0, 1.0]]
_WEIGHT = np.array([0.5, 2.0, 1.25])

CASES = (
    _case("labels", (4, 3), _LABELS),
    _case("labels, sum", (4, 3), _LABELS, reduction="sum"),
    _case("labels, none", (4, 3), _LABELS, reduction="none"),
    _case("one sample", (1, 5), [4]),
    _case("one class", (2, 1), [0, 0]),
    _case("smoothing", (4, 3), _LABELS, label_smoothing=0.1),
    _case("weights", (4, 3), _LABELS, class_weight=_WEIGHT),
    _case("weights, sum", (4, 3), _LABELS, class_weight=_WEIGHT, reduction="sum"),
    _case("weights, none", (4, 3), _LABELS, class_weight=_WEIGHT, reduction="none"),
    _case("smoothing, weights", (4, 3), _LABELS, label_smoothing=0.3, class_weight=_WEIGHT),
    _case("probabilities", (4, 3), _PROBABILITIES),
    _case(
        "probabilities, smoothing, weights",
        (4, 3),
        _PROBABILITIES,
        label_smoothing=0.2,
        class_weight=_WEIGHT,
    ),
    _case("probabilities, none", (4, 3), _PROBABILITIES, reduction="none"),
)

LARGE = (_case("labels", (203, 411), np.random.default_rng(7).integers(0, 411, 203)),)

# Logits ln 1, ln 2, ln 5: probabilities 1/8, 2/8, 5/8.
_x = np.log(np.array([[1.0, 2.0, 5.0]]))
_saved = cross_entropy.CrossEntropySaved(
    np.array([[0.125, 0.25, 0.625]]), np.array([[0.0, 1.0, 0.0]]), 1.0, "mean"
)

CHAPTER = Chapter(
    name="cross_entropy",
    part="Losses",
    after="softmax",
    functions=("forward", "forward_saving", "backward_input"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "target": np.array([1])},
        "forward_saving": {"x": _x, "target": np.array([1])},
        "backward_input": {"saved": _saved},
    },
)
