"""The case table of global_avg_pool2d."""

import numpy as np

from clearconv.ops import global_avg_pool2d
from clearconv.ops.chapter import Case, Chapter, arrays, normal, run_by_shape


def _case(name: str, *x: int) -> Case:
    return Case(name, arrays(x=normal(*x)))


CASES = (
    _case("plain", 2, 3, 4, 5),
    _case("one map", 4, 3),
    _case("one image", 3, 4, 5),
    _case("many channels", 3, 35, 7, 7),
    _case("one row", 2, 3, 1, 6),
    _case("one pixel", 2, 3, 1, 1),
)

LARGE = (Case("images", arrays(x=normal(11, 35, 29, 31))),)

_x = np.array([[[1, 2], [3, 6]], [[0, 4], [-4, 8]]], dtype=float)[np.newaxis]

CHAPTER = Chapter(
    name="global_avg_pool2d",
    part="Pooling",
    after="avg_pool2d",
    functions=("forward", "backward_input"),
    run=run_by_shape(global_avg_pool2d),
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x},
        "backward_input": {
            "grad_y": np.array([4.0, -8.0]).reshape(1, 2, 1, 1),
            "x_shape": _x.shape,
        },
    },
)
