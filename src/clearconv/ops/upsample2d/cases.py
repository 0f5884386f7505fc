"""The case table of upsample2d: every option in a forward and in a gradient case."""

from typing import Any

import numpy as np

from clearconv.ops import upsample2d
from clearconv.ops.chapter import Case, Chapter, arrays, normal, run_by_shape


def _case(name: str, *x: int, **options: Any) -> Case:
    return Case(name, arrays(x=normal(*x)), options)


CASES = (
    _case("nearest, twice", 2, 3, 4, 5, scale_factor=2),
    _case("nearest, scale per axis", 2, 3, 4, 5, scale_factor=(3, 1.5)),
    _case("nearest, smaller", 2, 3, 7, 6, scale_factor=(0.5, 0.4)),
    _case("nearest, to a size", 2, 3, 3, 7, size=(7, 3)),
    _case("bilinear, twice", 2, 3, 4, 5, scale_factor=2, mode="bilinear"),
    _case("bilinear, scale per axis", 2, 3, 4, 5, scale_factor=(1.7, 3), mode="bilinear"),
    _case("bilinear, smaller", 2, 3, 7, 6, scale_factor=(0.6, 0.3), mode="bilinear"),
    _case("bilinear, to a size", 2, 3, 3, 7, size=(8, 4), mode="bilinear"),
    _case("corners", 2, 3, 4, 5, scale_factor=2, mode="bilinear", align_corners=True),
    _case("corners, smaller", 2, 3, 7, 6, size=(3, 4), mode="bilinear", align_corners=True),
    _case("corners, to one pixel", 2, 3, 4, 5, size=1, mode="bilinear", align_corners=True),
    _case("one map", 3, 4, size=(5, 6), mode="bilinear"),
    _case("one image", 3, 4, 5, scale_factor=2),
    _case("as it was", 2, 3, 4, 5, size=(4, 5), mode="bilinear"),
    _case("many channels", 2, 35, 3, 4, scale_factor=2, mode="bilinear"),
    _case("from one pixel", 2, 3, 1, 1, size=(3, 2), mode="bilinear"),
    _case("nine images", 9, 2, 3, 3, scale_factor=2),
)

_images = arrays(x=normal(11, 35, 29, 31))
LARGE = (
    Case("nearest", _images, {"scale_factor": 2}),
    Case("bilinear", _images, {"scale_factor": (1.7, 2), "mode": "bilinear"}),
)

_x = np.array([[4, 8], [0, -4]], dtype=float)[np.newaxis, np.newaxis]
_grad_y = np.array([[1, 0, 2, 0], [0, 3, 0, 0], [0, 0, 4, 0], [-1, 0, 0, 5]], dtype=float)

CHAPTER = Chapter(
    name="upsample2d",
    part="Pooling",
    after="adaptive_avg_pool2d",
    functions=("forward", "backward_input"),
    run=run_by_shape(upsample2d),
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "scale_factor": 2, "mode": "bilinear"},
        "backward_input": {
            "grad_y": _grad_y[np.newaxis, np.newaxis],
            "x_shape": _x.shape,
            "scale_factor": 2,
            "mode": "bilinear",
        },
    },
)
