"""The case table of adaptive_avg_pool2d: cells that divide, share a pixel, or repeat."""

import numpy as np

from clearconv.ops import adaptive_avg_pool2d
from clearconv.ops.chapter import Case, Chapter, arrays, normal, run_by_shape


def _case(name: str, x: tuple[int, ...], output_size: object) -> Case:
    return Case(name, arrays(x=normal(*x)), {"output_size": output_size})


CASES = (
    _case("cells that divide", (2, 3, 6, 4), (3, 2)),
    _case("cells that share a pixel", (2, 3, 7, 5), (3, 2)),
    _case("one map", (7, 5), (2, 3)),
    _case("one image", (3, 5, 7), (4, 3)),
    _case("many channels", (2, 35, 8, 9), 5),
    _case("whole map", (2, 3, 4, 5), 1),
    _case("as it was", (2, 3, 4, 5), None),
    _case("columns kept", (2, 3, 7, 5), (2, None)),
    _case("more outputs than pixels", (2, 3, 3, 2), (7, 5)),
    _case("more rows, fewer columns", (2, 2, 2, 9), (5, 4)),
    _case("one pixel", (1, 3, 1, 1), (2, 3)),
    _case("nine images", (9, 2, 5, 5), 3),
)

_images = arrays(x=normal(11, 35, 29, 31))
LARGE = (
    Case("cells that share a pixel", _images, {"output_size": (8, 7)}),
    Case("more outputs than pixels", _images, {"output_size": (35, 40)}),
)

_x = np.array([[1, 3, 5], [2, 0, 4]], dtype=float)[np.newaxis, np.newaxis]

CHAPTER = Chapter(
    name="adaptive_avg_pool2d",
    part="Pooling",
    after="global_avg_pool2d",
    functions=("forward", "backward_input"),
    run=run_by_shape(adaptive_avg_pool2d),
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "output_size": (1, 2)},
        "backward_input": {
            "grad_y": np.array([[4.0, -8.0]])[np.newaxis, np.newaxis],
            "x_shape": _x.shape,
            "output_size": (1, 2),
        },
    },
)
