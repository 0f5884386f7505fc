"""The case table of activation: every kind, on several numbers of axes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import activation
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    y, saved = activation.forward_saving(inputs["x"], **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": activation.backward_input(grad_y, saved, backend=backend)}

    return y, backward


def _case(name: str, x: tuple[int, ...], kind: str, **options: Any) -> Case:
    return Case(name, arrays(x=normal(*x)), {"kind": kind, **options})


def _wide(kind: str) -> Case:
    """Numbers far enough from 0 to lie on every piece of the hard ones."""
    draw = normal(2, 5, 13)
    return Case(f"{kind}, far from 0", arrays(x=lambda rng: 5 * draw(rng)), {"kind": kind})


CASES = (
    *(_case(f"{kind}, images", (2, 3, 4, 5), kind) for kind in activation.KINDS),
    *(_case(f"{kind}, features", (3, 7), kind) for kind in activation.KINDS),
    *(_wide(kind) for kind in ("relu6", "hardsigmoid", "hardswish", "silu")),
    _case("leaky_relu, steeper", (2, 3, 4), "leaky_relu", slope=0.3),
    _case("leaky_relu, falling", (9,), "leaky_relu", slope=-0.5),
    _case("leaky_relu, beyond one", (9,), "leaky_relu", slope=2.0),
    _case("relu, one number", (1,), "relu"),
    _case("relu, uneven vectors", (2, 37), "relu"),
)

LARGE = tuple(
    _case(kind, (11, 35, 29, 31), kind) for kind in activation.KINDS if kind != "identity"
)

_x = np.array([-2.0, 0.0, 3.0])
_grad_y = np.array([1.0, 2.0, -1.0])

CHAPTER = Chapter(
    name="activation",
    part="Neurons",
    after="linear",
    functions=("forward", "forward_saving", "backward_input"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "kind": "relu"},
        "forward_saving": {"x": _x, "kind": "relu"},
        "backward_input": {
            "grad_y": _grad_y,
            "saved": activation.ActivationSaved("relu", 0.01, np.array([0.0, 0.0, 3.0])),
        },
    },
)
