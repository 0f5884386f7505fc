"""The case table of conv_transpose2d: every option in a forward and in a gradient case."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import conv_transpose2d
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any."""
    x, weight, bias = inputs["x"], inputs["weight"], inputs.get("bias")
    y = conv_transpose2d.forward(x, weight, bias, **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        how = {**options, "backend": backend}
        grads = {
            "x": conv_transpose2d.backward_input(grad_y, weight, x.shape, **how),
            "weight": conv_transpose2d.backward_weight(grad_y, x, weight.shape, **how),
        }
        if bias is not None:
            shared = bias.ndim == 1
            grads["bias"] = conv_transpose2d.backward_bias(grad_y, shared, backend=backend)
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
    O, places = weight[1] * options.get("groups", 1), bias if isinstance(bias, tuple) else ()
    extra = {"bias": normal(O, *places)} if bias else {}
    return Case(name, arrays(x=normal(*x), weight=normal(*weight), **extra), options)


CASES = (
    _case("plain", (2, 3, 4, 5), (3, 4, 3, 3)),
    _case("one map", (4, 3), (1, 2, 2, 3)),
    _case("one image", (3, 4, 5), (3, 2, 3, 2), stride=2),
    _case("no bias", (2, 2, 5, 4), (2, 3, 2, 3), bias=False),
    _case("1x1", (2, 5, 3, 4), (5, 7, 1, 1)),
    _case("2x2 stride 2: no overlap", (2, 3, 4, 5), (3, 2, 2, 2), stride=2),
    _case("stride per axis", (2, 2, 4, 5), (2, 3, 3, 2), stride=(3, 1), padding=(1, 0)),
    _case("stride beyond the kernel: gaps", (2, 2, 3, 4), (2, 3, 2, 1), stride=(3, 2)),
    _case("padding", (2, 3, 4, 5), (3, 2, 4, 4), stride=2, padding=1),
    _case("padding per side", (2, 3, 4, 5), (3, 2, 3, 2), padding=((2, 0), (1, 1)), stride=(1, 2)),
    _case("padding beyond the kernel", (2, 2, 5, 4), (2, 3, 2, 3), padding=(2, 3), stride=2),
    _case("output_padding", (2, 3, 4, 3), (3, 2, 3, 3), stride=2, padding=1, output_padding=1),
    _case("output_padding per axis", (2, 2, 3, 4), (2, 2, 2, 3), stride=3, output_padding=(2, 1)),
    _case(
        "output_padding beyond the stride",
        (2, 2, 4, 3),
        (2, 3, 3, 2),
        dilation=(3, 2),
        output_padding=(2, 1),
    ),
    _case("dilation per axis", (2, 2, 4, 5), (2, 3, 3, 2), dilation=(2, 3), padding=1),
    _case(
        "dilation and stride",
        (2, 2, 4, 3),
        (2, 3, 3, 3),
        dilation=(3, 2),
        stride=(2, 3),
        padding=(2, 1),
        output_padding=1,
    ),
    _case("groups", (2, 6, 4, 3), (6, 2, 3, 3), groups=2, padding=1),
    _case("depthwise", (2, 5, 4, 3), (5, 1, 3, 3), groups=5, stride=2, padding=1),
    _case("depthwise, two filters each", (2, 3, 4, 5), (3, 2, 2, 3), groups=3),
    _case("bias by position", (9, 2, 3, 4), (2, 3, 3, 3), bias=(7, 9), stride=2),
    _case(
        "bias by position, depthwise", (2, 5, 4, 3), (5, 1, 2, 2), bias=(8, 6), stride=2, groups=5
    ),
    _case("bias by position, 3x3", (2, 32, 8, 7), (32, 32, 3, 3), bias=(8, 7), padding=1),
    _case("many channels", (2, 19, 5, 4), (19, 35, 3, 3), padding=1),
    _case("few to many channels, stride 2", (2, 16, 6, 5), (16, 3, 4, 4), stride=2, padding=1),
    _case("one image, one pixel", (1, 3, 1, 1), (3, 2, 1, 1)),
)

LARGE = (
    _case("2x2, stride 2", (5, 48, 14, 13), (48, 32, 2, 2), stride=2),
    _case("4x4, stride 2", (5, 32, 14, 13), (32, 48, 4, 4), stride=2, padding=1),
    _case("to a colour image", (5, 32, 24, 23), (32, 3, 4, 4), stride=2, padding=1),
    _case("3x3", (5, 48, 28, 27), (48, 32, 3, 3), padding=1),
)

_x = np.array([[1, 2], [0, -1]], dtype=float)[np.newaxis, np.newaxis]
_weight = np.array([[1, -1], [2, 0]], dtype=float)[np.newaxis, np.newaxis]
_grad_y = np.array([[1, 0, 2], [3, 1, 0], [0, 2, 1]], dtype=float)[np.newaxis, np.newaxis]

CHAPTER = Chapter(
    name="conv_transpose2d",
    part="Convolution",
    after="im2col",
    functions=("forward", "backward_input", "backward_weight", "backward_bias"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "weight": _weight, "bias": np.array([0.5])},
        "backward_input": {"grad_y": _grad_y, "weight": _weight, "x_shape": _x.shape},
        "backward_weight": {"grad_y": _grad_y, "x": _x, "weight_shape": _weight.shape},
        "backward_bias": {"grad_y": _grad_y},
    },
)
