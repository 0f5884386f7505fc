"""Arrays go into the learner's order of axes and come back unharmed."""

import numpy as np
import pytest

from clearconv.doctor.layout import LAYOUTS, Layout, give, take

SHAPES = {
    "x": (2, 3, 4, 5), "weight": (6, 3, 2, 7), "bias": (6,), "cols": (2, 12, 8), "gamma": (3,),
}  # fmt: skip
TRIED = [
    (kind, layout)
    for kind in ("conv2d", "max_pool2d", "im2col", "linear", "batch_norm")
    for layout in LAYOUTS[kind]
]


@pytest.mark.parametrize(("kind", "layout"), TRIED)
def test_there_and_back(kind, layout):
    rng = np.random.default_rng(0)
    shapes = dict(SHAPES)
    if len(layout.x) < 4 and "H" not in layout.x:
        shapes = {"x": (2, 3), "weight": (6, 3), "bias": (6,), "gamma": (3,)}
    if not layout.batch:
        shapes = {k: (1, *v[1:]) if k in ("x", "cols") else v for k, v in shapes.items()}
    if not layout.channels:
        shapes |= {"x": (1, 1, 4, 5), "weight": (1, 1, 2, 7), "bias": (1,)}
    used = {"im2col": ("x", "cols"), "batch_norm": ("x", "gamma"), "max_pool2d": ("x",)}
    for name in used.get(kind, ("x", "weight", "bias")):
        array = rng.standard_normal(shapes[name])
        theirs = np.asarray(give(array, name, layout))
        assert np.array_equal(take(theirs, name, layout, array.shape), array)


def test_by_hand():
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    last = give(x, "x", Layout("NHWC"))
    assert last.shape == (1, 2, 3, 2)
    assert last[0, 1, 2].tolist() == [5, 11]  # pixel (1, 2) of both channels
    cols = np.arange(12.0).reshape(2, 3, 2)  # two images, patches of 3 numbers, 2 windows
    rows = give(cols, "cols", Layout("NCHW", "(NL)K"))
    assert rows.tolist() == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]
    turns = give(cols, "cols", Layout("NCHW", "K(LN)"))
    assert turns[0].tolist() == [0, 6, 1, 7]  # the images alternate


def test_another_shape_comes_back_as_it_is_or_with_its_axes_exchanged():
    layout = Layout("NHWC")
    assert take(np.zeros((2, 5, 6, 3)), "x", layout, (2, 3, 4, 5)).shape == (2, 3, 5, 6)
    assert take(np.zeros(7), "x", layout, (2, 3, 4, 5)).shape == (7,)
