"""A graph's trace has every value, says where each number comes from, and is shown as a page."""

import numpy as np

from clearconv import (
    Add,
    BatchNorm2d,
    Constant,
    Conv2d,
    Divide,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Join,
    Linear,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Subtract,
    trace,
)
from clearconv.glassbox import glass_box
from clearconv.layers.elementary.elementwise import Elementwise
from clearconv.layers.elementary.pairs import Larger
from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape


def everything():
    """Return a graph with each layer that takes several inputs, and inputs that are repeated."""
    return Graph(
        ("maps", Conv2d(4, 3, padding=1), "x"),
        ("norm", BatchNorm2d(), "maps"),
        ("r", ReLU(), "norm"),
        ("squeezed", GlobalAvgPool2d(), "r"),
        ("gate", Conv2d(4, 1, activation="sigmoid"), "squeezed"),
        ("scaled", Multiply(), "r", "gate", "r"),
        ("offset", Constant((4, 1, 1), 0.5, learnt=True)),
        ("two", Constant((), 2.0)),
        ("sum", Add(), "scaled", "offset", "r"),
        ("half", Divide(), "sum", "two"),
        ("less", Subtract(), "half", "offset"),
        ("block", Residual(Conv2d(4, 1)), "less"),
        ("shortcut", Add(), "block", "maps"),
        ("both", Join(), "shortcut", "r"),
        ("wide", Join(3), "both", "both"),
        ("flat", Flatten(), "wide"),
        ("logits", Linear(3), "flat"),
    )


def test_every_number_adds_up(adds_up):
    model = everything().build((2, 4, 3), dtype="float64", seed=3)
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 3))
    recorded = trace(model, x[0], 1, batch=(x[1:], [0, 2]), training=True)
    assert {link.writes for link in model.links} <= {layer.path for layer in recorded.layers}
    assert recorded["both"].slots == (slice(0, 4), slice(4, 8))
    assert recorded["scaled"].sources == ("r", "gate", "r")
    assert adds_up(recorded, most=6) > 400
    assert "grad_x2" in recorded.quantities("scaled")


def test_a_value_that_only_another_output_needs_is_not_traced():
    model = Graph(
        ("a", Conv2d(2, 1), "x"),
        ("flat", Flatten(), "a"),
        ("other", ReLU(), "flat"),
        outputs=["flat", "other"],
    ).build((1, 2, 2))
    recorded = trace(model, np.ones((1, 2, 2), "float32"), 1)
    assert [layer.path for layer in recorded.layers] == ["input", "a", "flat"]


def test_numbers_that_only_move_are_followed(adds_up):
    model = Sequential(
        Conv2d(4, 1),
        Pad(((0, 1), (2, 0), (1, 1)), 0.5),
        Permute((2, 3, 1)),
        Reshape((6, 5, 5)),
        Permute((3, 1, 2)),
        Reshape((150,)),
        Linear(3),
    ).build((2, 4, 3), dtype="float64", seed=3)
    x = np.random.default_rng(0).standard_normal((2, 4, 3))
    recorded = trace(model, x, 1)
    assert adds_up(recorded, most=25) > 200
    assert glass_box(recorded)


def test_layers_that_nothing_explains_are_shown():
    model = Graph(
        ("a", Elementwise("exp"), "x"),
        ("b", Larger(), "a", "x"),
        ("flat", Flatten(), "b"),
    ).build((2, 3, 2))
    recorded = trace(model, np.ones((2, 3, 2), "float32"), 1)
    assert recorded.quantities("b") == ("grad_y",)
    assert glass_box(recorded)


def test_the_glass_box_shows_it():
    model = everything().build((2, 6, 5))
    html = glass_box(trace(model, np.ones((2, 6, 5), "float32"), 1))
    assert '"scaled"' in html and "wide" in html
