"""The case table of avg_pool2d: every option in a forward and in a gradient case."""

from typing import Any

import numpy as np

from clearconv.ops import avg_pool2d
from clearconv.ops.chapter import Case, Chapter, arrays, normal, run_by_shape


def _case(
    name: str, x: tuple[int, ...], kernel_size: int | tuple[int, int], **options: Any
) -> Case:
    return Case(name, arrays(x=normal(*x)), {"kernel_size": kernel_size, **options})


CASES = (
    _case("plain", (2, 3, 6, 4), 2),
    _case("one map", (6, 5), (2, 3)),
    _case("one image", (3, 6, 5), (3, 2)),
    _case("leftover rows", (2, 3, 7, 5), (2, 3)),
    _case("overlap", (2, 3, 7, 8), 3, stride=2),
    _case("stride per axis", (2, 2, 7, 9), (3, 2), stride=(2, 1)),
    _case("stride beyond the kernel", (2, 2, 8, 9), (2, 1), stride=(3, 2)),
    _case("padding", (2, 2, 6, 7), 3, stride=2, padding=1),
    _case("padding not counted", (2, 2, 6, 7), 3, stride=2, padding=1, count_include_pad=False),
    _case("padding per side", (2, 2, 5, 4), 3, stride=(2, 1), padding=((2, 0), (1, 2))),
    _case(
        "padding per side, not counted",
        (2, 2, 5, 4),
        3,
        stride=(2, 1),
        padding=((2, 0), (1, 2)),
        count_include_pad=False,
    ),
    _case("padding beyond the kernel", (2, 1, 3, 4), 2, padding=3),
    _case("same", (2, 2, 5, 6), 3, stride=2, padding="same"),
    _case("same, not counted", (2, 2, 5, 6), 4, padding="same", count_include_pad=False),
    _case("valid", (2, 2, 5, 6), (4, 3), stride=1, padding="valid"),
    _case("ceil_mode", (2, 2, 6, 8), 3, stride=2, ceil_mode=True),
    _case("ceil_mode, window beyond the image", (2, 2, 2, 1), (4, 2), stride=3, ceil_mode=True),
    _case("ceil_mode and padding", (2, 2, 6, 7), 3, stride=2, padding=1, ceil_mode=True),
    _case("ceil_mode and padding per axis", (2, 2, 7, 6), (3, 4), padding=(1, 2), ceil_mode=True),
    _case(
        "ceil_mode, padding not counted",
        (2, 2, 6, 7),
        3,
        stride=2,
        padding=1,
        ceil_mode=True,
        count_include_pad=False,
    ),
    _case("dilation per axis", (2, 2, 9, 8), (3, 2), stride=1, dilation=(2, 3), padding=1),
    _case(
        "dilation, ceil_mode and padding",
        (2, 2, 9, 10),
        (2, 3),
        stride=(3, 2),
        padding=(1, 2),
        dilation=(3, 2),
        ceil_mode=True,
    ),
    _case(
        "dilation, padding not counted",
        (2, 2, 8, 9),
        3,
        stride=2,
        padding=((2, 1), (0, 2)),
        dilation=2,
        count_include_pad=False,
    ),
    _case("whole image", (2, 3, 4, 5), (4, 5)),
    _case("one pixel", (1, 3, 1, 1), 1),
)

_images = arrays(x=normal(11, 35, 29, 31))
LARGE = (
    Case("2x2", _images, {"kernel_size": 2}),
    Case("overlap", _images, {"kernel_size": 3, "stride": 2, "padding": 1}),
)

_x = np.arange(1.0, 17.0).reshape(1, 1, 4, 4)

CHAPTER = Chapter(
    name="avg_pool2d",
    part="Pooling",
    after="max_pool2d",
    functions=("forward", "backward_input"),
    run=run_by_shape(avg_pool2d),
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "kernel_size": 2},
        "backward_input": {
            "grad_y": np.array([[4.0, 8.0], [-4.0, 0.0]])[np.newaxis, np.newaxis],
            "x_shape": _x.shape,
            "kernel_size": 2,
        },
    },
)
