"""The route of a convolution in the compiled telling: what ``native/routes.h`` decides, as data."""

from typing import Any

import numpy as np

from clearconv.arrays import batch_shape
from clearconv.ops.conv2d.filters import check_shape, window_for
from clearconv.ops.geometry.window import IntOrPair, Padding
from clearconv.ops.tellings import available, pick
from clearconv.words import table

#: What is computed: one pass, or both gradients in one call, as in training.
TASKS = ("forward", "backward_input", "backward_weight", "backward")

#: Description of each route.
ROUTES = {
    "direct": "a product of patches or pixels read where they lie",
    "columns": "col2im: each output gives back to its window",
    "packed": "a product of factors packed first, for many channels",
    "winograd": "3x3 of stride 1 with a fourth of the multiplications",
    "depthwise": "each channel by itself",
    "apart": "each gradient by its own route",
}


def route(
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    exact: bool = False,
) -> dict[str, str]:
    """Return the route by which the compiled kernels compute a convolution of these shapes.

    All routes give the same result up to rounding; some are several times faster. The number of
    images does not matter, so that no result depends on an image's neighbours.

    Parameters
    ----------
    x_shape : tuple of int
        (N, C, H, W), (C, H, W) or (H, W).
    weight_shape : tuple of int
        (O, C/groups, KH, KW).
    stride, padding, dilation, groups, exact
        As in ``conv2d.forward``.

    Returns
    -------
    routes : dict
        One of `ROUTES` for each of `TASKS`.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    BackendError
        If clearconv was installed without compiled kernels.

    Examples
    --------
    >>> from clearconv.ops import conv2d
    >>> conv2d.route((32, 64, 32, 32), (64, 64, 3, 3), padding=1)["forward"]
    'winograd'
    """
    what = "conv2d.route"
    full = batch_shape(what, x_shape)
    shape = check_shape(what, weight_shape, np.float32)
    window = window_for(what, full, shape, stride, padding, dilation, groups)
    native = pick("conv2d", "native")
    C, O = full[1], shape[0]
    return {task: native.route(task, window, C, O, groups, exact) for task in TASKS}


_EXAMPLES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("3 channels, 3x3", (3, 32, 32), (64, 3, 3, 3), {"padding": 1}),
    ("64 channels, 3x3", (64, 32, 32), (64, 64, 3, 3), {"padding": 1}),
    ("the same, exact", (64, 32, 32), (64, 64, 3, 3), {"padding": 1, "exact": True}),
    ("the same, stride 2", (64, 32, 32), (128, 64, 3, 3), {"padding": 1, "stride": 2}),
    ("64 channels, 1x1", (64, 32, 32), (128, 64, 1, 1), {}),
    ("64 groups, 3x3", (64, 32, 32), (64, 1, 3, 3), {"padding": 1, "groups": 64}),
)


def examples() -> str:
    """Describe the routes of some calls here, for ``clearconv show``."""
    if "native" not in available("conv2d"):
        return "Without compiled kernels, every call is one product of matrices."
    rows = [
        (name, *route(x_shape, weight_shape, **options).values())
        for name, x_shape, weight_shape, options in _EXAMPLES
    ]
    ways = "\n".join(f"{name}: {what}" for name, what in ROUTES.items())
    heads = ("how a call would go", "forward", "input", "weight", "both at once")
    return "\n".join((*table(heads, rows), "", ways, "Other shapes: conv2d.route(...)."))
