"""The case table of conv2d: every option in a forward and in a gradient case."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import conv2d
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal
from clearconv.ops.conv2d.routes import examples


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any."""
    x, weight = inputs["x"], inputs["weight"]
    y = conv2d.forward(x, weight, inputs.get("bias"), **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        how = {**options, "backend": backend}
        grads = {
            "x": conv2d.backward_input(grad_y, weight, x.shape, **how),
            "weight": conv2d.backward_weight(grad_y, x, weight.shape, **how),
        }
        if "bias" in inputs:
            shared = inputs["bias"].ndim == 1
            grads["bias"] = conv2d.backward_bias(grad_y, shared, backend=backend)
        return grads

    return y, backward


def _case(
    name: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: bool | tuple[int, int] = True,
    **options: Any,
) -> Case:
    """`bias` is OH and OW where it has a number for every position."""
    places = bias if isinstance(bias, tuple) else ()
    extra = {"bias": normal(weight[0], *places)} if bias else {}
    return Case(name, arrays(x=normal(*x), weight=normal(*weight), **extra), options)


CASES = (
    _case("plain", (2, 3, 5, 6), (4, 3, 3, 3)),
    _case("one map", (6, 5), (2, 1, 2, 3)),
    _case("one image", (3, 6, 5), (2, 3, 3, 2)),
    _case("no bias", (2, 2, 5, 4), (3, 2, 2, 3), bias=False),
    _case("1x1", (2, 5, 3, 4), (7, 5, 1, 1)),
    _case("whole image", (2, 3, 4, 5), (6, 3, 4, 5)),
    _case("stride with leftover rows", (2, 2, 8, 9), (3, 2, 3, 3), stride=2),
    _case("stride per axis", (2, 2, 7, 9), (2, 2, 3, 3), stride=(2, 1), padding=(1, 2)),
    _case("stride beyond the kernel", (2, 2, 8, 9), (3, 2, 2, 1), stride=(3, 2)),
    _case("padding per side", (2, 3, 5, 4), (2, 3, 3, 2), padding=((2, 0), (1, 3))),
    _case("padding beyond the kernel", (2, 1, 3, 4), (2, 1, 2, 2), padding=3, stride=2),
    _case("same", (2, 2, 5, 6), (3, 2, 4, 3), padding="same"),
    _case("same, stride 2", (2, 2, 5, 6), (3, 2, 3, 2), padding="same", stride=2),
    _case("valid", (2, 2, 5, 6), (3, 2, 4, 3), padding="valid"),
    _case("dilation per axis", (2, 2, 9, 8), (3, 2, 3, 2), dilation=(2, 3), padding=1),
    _case(
        "dilation and stride",
        (2, 2, 11, 9),
        (3, 2, 3, 3),
        dilation=(3, 2),
        stride=(2, 3),
        padding=(2, 1),
    ),
    _case("groups", (2, 6, 5, 4), (4, 3, 3, 3), groups=2, padding=1),
    _case("depthwise", (2, 5, 6, 7), (5, 1, 3, 3), groups=5, stride=2, padding=1),
    _case("depthwise, two filters each", (2, 3, 6, 5), (6, 1, 2, 3), groups=3),
    _case("many channels", (2, 19, 6, 7), (35, 19, 3, 3), padding=1),
    _case("wide output", (1, 16, 4, 40), (16, 16, 3, 3), padding=1),
    _case("bias by position", (3, 2, 5, 4), (3, 2, 3, 3), bias=(2, 3), stride=2, padding=(0, 2)),
    _case("bias by position, one image", (2, 5, 4), (5, 2, 3, 2), bias=(3, 3)),
    _case("bias by position, groups", (9, 4, 5, 6), (6, 2, 3, 3), bias=(5, 6), groups=2, padding=1),
    _case(
        "bias by position, depthwise", (2, 5, 6, 7), (5, 1, 3, 3), bias=(6, 7), groups=5, padding=1
    ),
    _case("bias by position, many channels", (2, 32, 9, 8), (32, 32, 3, 3), bias=(9, 8), padding=1),
    _case("one image, one pixel", (1, 3, 1, 1), (2, 3, 1, 1)),
    _case("nine images", (9, 2, 5, 5), (3, 2, 3, 3), stride=2, padding=1),
)

LARGE = (
    _case("colour image", (9, 3, 61, 67), (16, 3, 3, 3), stride=2),
    _case("grey image", (10, 1, 28, 28), (20, 1, 5, 5)),
    _case("uneven channels", (3, 20, 24, 23), (50, 20, 5, 5), padding=2),
    _case("3x3", (5, 32, 28, 27), (48, 32, 3, 3), padding=1),
    _case("1x1", (5, 64, 17, 19), (96, 64, 1, 1)),
    _case("wide 1x1", (5, 64, 17, 19), (144, 64, 1, 1)),
    _case("1x1 of few pixels", (11, 96, 7, 6), (144, 96, 1, 1), stride=2),
    _case("stride 2", (5, 64, 21, 22), (64, 64, 3, 3), stride=2, padding=1),
    _case("wide, stride 2", (2, 128, 40, 38), (256, 128, 3, 3), stride=2, padding=1),
    _case("wide, of few pixels", (5, 128, 9, 8), (256, 128, 3, 3), stride=2, padding=1),
    _case("depthwise", (5, 64, 23, 22), (64, 1, 3, 3), groups=64, padding=1),
    _case("groups", (5, 24, 25, 26), (48, 8, 3, 3), groups=3, dilation=2),
    _case("bias by position", (11, 16, 28, 27), (20, 16, 3, 3), bias=(26, 25)),
)

_x = np.array([[1, 0, 2], [3, 1, 0], [0, 2, 1]], dtype=float)[np.newaxis, np.newaxis]
_weight = np.array([[1, -1], [2, 0]], dtype=float)[np.newaxis, np.newaxis]
_grad_y = np.array([[1, 2], [-1, 0]], dtype=float)[np.newaxis, np.newaxis]

CHAPTER = Chapter(
    name="conv2d",
    part="Convolution",
    functions=("forward", "backward_input", "backward_weight", "backward_bias"),
    run=run,
    cases=CASES,
    large=LARGE,
    notes=examples,
    worked={
        "forward": {"x": _x, "weight": _weight, "bias": np.array([0.5])},
        "backward_input": {"grad_y": _grad_y, "weight": _weight, "x_shape": _x.shape},
        "backward_weight": {"grad_y": _grad_y, "x": _x, "weight_shape": _weight.shape},
        "backward_bias": {"grad_y": _grad_y},
    },
)
