"""The case table of max_pool2d: every option in a forward and in a gradient case.

All pixels of a case differ by far more than the step of a numeric gradient check: at a tie the
maximum has no derivative. Ties are tested separately.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops import max_pool2d
from clearconv.ops.chapter import Case, Chapter, Gradients, arrays, normal
from clearconv.ops.geometry.window import Window
from clearconv.ops.max_pool2d import MaxPoolSaved


def run(
    inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
    """Forward in one telling, and the gradient in any."""
    y, saved = max_pool2d.forward_saving(inputs["x"], **options, backend=backend)

    def backward(grad_y: Array, backend: str | None = None) -> Gradients:
        return {"x": max_pool2d.backward_input(grad_y, saved, backend=backend)}

    return y, backward


def _case(
    name: str,
    x: tuple[int, ...],
    kernel_size: int | tuple[int, int],
    shift: int = 0,
    **options: Any,
) -> Case:
    def distinct(rng: np.random.Generator) -> dict[str, Array]:
        size = int(np.prod(x))
        return {"x": (rng.permutation(size).reshape(x) - size / 2 - shift) / 8}

    return Case(name, distinct, {"kernel_size": kernel_size, **options})


CASES = (
    _case("plain", (2, 3, 6, 4), 2),
    _case("one map", (6, 5), (2, 3)),
    _case("one image", (3, 6, 5), (3, 2)),
    _case("leftover rows", (2, 3, 7, 5), (2, 3)),
    _case("overlap", (2, 3, 7, 8), 3, stride=2),
    _case("overlap, stride 1", (2, 2, 5, 6), 3, stride=1),
    _case("stride per axis", (2, 2, 7, 9), (3, 2), stride=(2, 1)),
    _case("stride beyond the kernel", (2, 2, 8, 9), (2, 1), stride=(3, 2)),
    _case("padding, all negative", (2, 2, 6, 7), 3, shift=100, stride=2, padding=1),
    _case("padding per axis", (2, 2, 6, 7), (3, 5), shift=100, stride=2, padding=(1, 2)),
    _case("padding per side", (2, 2, 5, 4), 3, shift=50, stride=(2, 1), padding=((2, 0), (1, 2))),
    _case("same", (2, 2, 5, 6), 3, shift=80, stride=2, padding="same"),
    _case("valid", (2, 2, 5, 6), (4, 3), stride=1, padding="valid"),
    _case("dilation per axis", (2, 2, 9, 8), (3, 2), stride=1, dilation=(2, 3)),
    _case("dilation, stride and padding", (2, 2, 8, 7), 3, stride=2, dilation=(2, 1), padding=1),
    _case("ceil_mode", (2, 2, 6, 8), 3, stride=2, ceil_mode=True),
    _case("ceil_mode, window beyond the image", (2, 2, 2, 1), (4, 2), stride=3, ceil_mode=True),
    _case("ceil_mode and padding", (2, 2, 6, 7), 3, shift=90, stride=2, padding=1, ceil_mode=True),
    _case("ceil_mode drops a window in the padding", (1, 2, 5, 5), 2, padding=1, ceil_mode=True),
    _case("whole image", (2, 3, 4, 5), (4, 5)),
    _case("window of more than 256 elements", (1, 1, 18, 19), 17, stride=1),
    _case("many channels", (2, 35, 6, 6), 2),
    _case("one pixel", (1, 3, 1, 1), 1),
)

_images = arrays(x=normal(11, 35, 29, 31))
LARGE = (
    Case("2x2", _images, {"kernel_size": 2}),
    Case("overlap", _images, {"kernel_size": 3, "stride": 2, "padding": 1}),
)

_x = np.array([[1, 3, 2, 0], [4, 2, 1, 5], [7, 0, 6, 6], [1, 2, 3, 1]], dtype=float)[None, None]

CHAPTER = Chapter(
    name="max_pool2d",
    part="Pooling",
    after="conv_transpose2d",
    functions=("forward", "forward_saving", "backward_input"),
    run=run,
    cases=CASES,
    large=LARGE,
    worked={
        "forward": {"x": _x, "kernel_size": 2},
        "forward_saving": {"x": _x, "kernel_size": 2},
        "backward_input": {
            "grad_y": np.array([[1.0, 2.0], [3.0, 4.0]])[None, None],
            "saved": MaxPoolSaved(
                _x.shape,
                Window.of("max_pool2d", (4, 4), 2, stride=2),
                np.array([[2, 3], [0, 0]], dtype=np.uint8)[None, None],
            ),
        },
    },
)
