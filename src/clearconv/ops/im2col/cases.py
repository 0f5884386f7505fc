"""The case table of im2col: every option in a forward and in a gradient case."""

from typing import Any

import numpy as np

from clearconv.ops import im2col
from clearconv.ops.chapter import Case, Chapter, arrays, normal, run_by_shape


def _case(
    name: str, x: tuple[int, ...], kernel_size: int | tuple[int, int], **options: Any
) -> Case:
    return Case(name, arrays(x=normal(*x)), {"kernel_size": kernel_size, **options})


CASES = (
    _case("plain", (2, 3, 5, 6), 3),
    _case("one map", (6, 5), (2, 3)),
    _case("one image", (3, 6, 5), (3, 2)),
    _case("1x1", (2, 5, 3, 4), 1),
    _case("whole image", (2, 3, 4, 5), (4, 5)),
    _case("stride with leftover rows", (2, 2, 8, 9), 3, stride=2),
    _case("stride per axis", (2, 2, 7, 9), 3, stride=(2, 1), padding=(1, 2)),
    _case("stride beyond the kernel", (2, 2, 8, 9), (2, 1), stride=(3, 2)),
    _case("padding per side", (2, 3, 5, 4), (3, 2), padding=((2, 0), (1, 3))),
    _case("padding beyond the kernel", (2, 1, 3, 4), 2, padding=3, stride=2),
    _case("same", (2, 2, 5, 6), (4, 3), padding="same"),
    _case("valid", (2, 2, 5, 6), (4, 3), padding="valid"),
    _case("dilation per axis", (2, 2, 9, 8), (3, 2), dilation=(2, 3), padding=1),
    _case("dilation and stride", (2, 2, 11, 9), 3, dilation=(3, 2), stride=(2, 3), padding=(2, 1)),
)

LARGE = (Case("3x3", arrays(x=normal(9, 5, 31, 33)), {"kernel_size": 3, "padding": 1}),)

_x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9

CHAPTER = Chapter(
    name="im2col",
    part="Convolution",
    after="conv2d",
    functions=("forward", "backward_input"),
    run=run_by_shape(im2col),
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "kernel_size": 2},
        "backward_input": {
            "grad_y": np.arange(1.0, 17.0).reshape(1, 4, 4),
            "x_shape": _x.shape,
            "kernel_size": 2,
        },
    },
)
