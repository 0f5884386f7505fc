"""The case table of conv_block: each step alone, together, and after another block."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import conv_block
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and every gradient in any.

    With a `before_weight` the input passes through a batch norm and ReLU that are not carried out
    before the block reads it; `before_ceiling` is that ReLU's.
    """
    options = dict(options)
    normed, ceiling = options.pop("norm", False), options.pop("before_ceiling", np.inf)
    x: Any = inputs["x"]
    if "before_weight" in inputs:
        before = conv_block.Norm(inputs["before_weight"], inputs["before_bias"])
        x = conv_block.normalise(inputs["x"], before, relu=True, ceiling=ceiling, backend=backend)
    norm = conv_block.Norm(inputs["norm_weight"], inputs["norm_bias"]) if normed else None
    weight = inputs["weight"]
    y, saved = conv_block.forward_saving(
        x, weight, inputs.get("bias"), norm=norm, **options, backend=backend
    )

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        got = conv_block.backward(grad_y, weight, saved, backend=backend)
        grads: Gradients = {"weight": got.weight}
        assert got.x is not None
        if isinstance(x, np.ndarray):
            grads["x"] = got.x
        else:  # on through the batch norm before the block
            further = conv_block.backward_normalise(got.x, x, backend=backend)
            assert further.x is not None
            grads |= {"x": further.x, "before_weight": further.weight, "before_bias": further.bias}
        for name, grad in (
            ("bias", got.bias),
            ("norm_weight", got.norm_weight),
            ("norm_bias", got.norm_bias),
        ):
            if grad is not None:
                grads[name] = grad
        return grads

    return y if isinstance(y, np.ndarray) else y.array(backend), backward


def _case(
    name: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: bool = True,
    before: bool = False,
    **options: Any,
) -> Case:
    extra = {"bias": normal(weight[0])} if bias else {}
    if options.get("norm"):
        extra |= {"norm_weight": normal(weight[0]), "norm_bias": normal(weight[0])}
    if before:
        extra |= {"before_weight": normal(x[1]), "before_bias": normal(x[1])}
    return Case(name, arrays(x=normal(*x), weight=normal(*weight), **extra), options)


CASES = (
    _case("bias", (2, 3, 5, 6), (4, 3, 3, 3)),
    _case("relu", (2, 3, 5, 6), (4, 3, 3, 3), relu=True, padding=1),
    _case("relu, no bias", (2, 3, 5, 6), (4, 3, 3, 3), bias=False, relu=True, stride=2),
    _case("pool", (2, 3, 6, 8), (4, 3, 3, 3), pool=True, padding=1),
    _case("relu, pool", (2, 3, 6, 8), (5, 3, 3, 3), relu=True, pool=True),
    _case("pool with leftovers", (2, 2, 8, 9), (20, 2, 2, 3), relu=True, pool=True),
    _case("stride, pool", (1, 3, 15, 13), (16, 3, 3, 3), relu=True, pool=True, stride=2),
    _case("ceiling", (2, 3, 5, 6), (4, 3, 3, 3), relu=True, ceiling=3.0, padding=1),
    _case("ceiling, pool", (2, 3, 6, 8), (5, 3, 3, 3), relu=True, ceiling=4.0, pool=True),
    _case("ceiling, norm", (3, 3, 5, 6), (17, 3, 3, 3), norm=True, relu=True, ceiling=0.5),
    _case(
        "ceilings on both sides",
        (3, 18, 5, 6),
        (18, 1, 3, 3),
        bias=False,
        before=True,
        before_ceiling=0.7,
        norm=True,
        relu=True,
        ceiling=0.5,
        groups=18,
    ),
    _case("norm", (3, 3, 5, 6), (4, 3, 3, 3), bias=False, norm=True, padding=1),
    _case("bias, norm, relu", (3, 3, 5, 6), (4, 3, 3, 3), norm=True, relu=True),
    _case("norm, stride", (5, 2, 6, 7), (17, 2, 3, 2), norm=True, relu=True, stride=(2, 1)),
    _case("norm, groups", (3, 4, 5, 4), (6, 2, 3, 3), norm=True, relu=True, groups=2),
    _case("norm, depthwise", (3, 5, 6, 5), (5, 1, 3, 3), norm=True, padding=1, groups=5),
    _case("behind a norm", (3, 3, 5, 6), (4, 3, 3, 3), before=True, relu=True, padding=1),
    _case("behind a norm, norm", (4, 3, 5, 6), (18, 3, 3, 3), before=True, norm=True, relu=True),
    _case("behind a norm, 1x1", (4, 18, 5, 6), (3, 18, 1, 1), before=True, norm=True, relu=True),
    _case("behind a norm, pool", (2, 3, 7, 6), (4, 3, 3, 3), before=True, relu=True, pool=True),
    _case(
        "behind a norm, depthwise",
        (3, 16, 7, 5),
        (16, 1, 3, 3),
        bias=False,
        before=True,
        norm=True,
        relu=True,
        stride=2,
        padding=1,
        groups=16,
    ),
)


def _large(name: str, x: tuple[int, ...], weight: tuple[int, ...], **options: Any) -> Case:
    return _case(name, x, weight, bias=False, relu=True, **options)


LARGE = (
    _large("relu", (5, 32, 28, 27), (48, 32, 3, 3), padding=1),
    _large("ceiling", (9, 24, 19, 18), (48, 24, 1, 1), before=True, norm=True, ceiling=1.0),
    _large("pool", (9, 1, 28, 28), (20, 1, 5, 5), pool=True),
    _large("norm", (11, 3, 28, 27), (32, 3, 3, 3), norm=True, padding=1),
    _large("behind a norm", (11, 32, 19, 18), (48, 32, 3, 3), before=True, padding=1),
    _large("between norms", (11, 32, 19, 18), (40, 32, 3, 3), before=True, norm=True, stride=2),
    _large("1x1", (5, 64, 17, 19), (144, 64, 1, 1), before=True, norm=True),
    _large("1x1 of few pixels", (11, 96, 4, 3), (144, 96, 1, 1), before=True, norm=True),
    _large(
        "depthwise",
        (5, 64, 23, 22),
        (64, 1, 3, 3),
        before=True,
        norm=True,
        groups=64,
        padding=1,
    ),
)

_WORKED = {
    "x": np.array([[[[1.0, 2, 0], [0, 1, 3], [2, 0, 1]]]]),
    "weight": np.array([[[[1.0, -1], [0, 1]]]]),
    "bias": np.array([1.0]),
}

CHAPTER = Chapter(
    name="conv_block",
    part="The step",
    after="update",
    functions=(
        "forward",
        "forward_saving",
        "backward",
        "add",
        "normalise",
        "backward_normalise",
        "join",
    ),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={"forward": {**_WORKED, "relu": True, "pool": True}},
)
