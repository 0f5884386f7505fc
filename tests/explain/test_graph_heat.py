"""Grad-CAM of a graph: the last maps that every way through it passes."""

import numpy as np

from clearconv import (
    Add,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Linear,
    MaxPool2d,
    Multiply,
    ReLU,
    Sequential,
)
from clearconv.explain import grad_cam, spatial_layers


def wired():
    return Graph(
        ("a", Conv2d(4, 3, padding=1), "x"),
        ("b", ReLU(), "a"),
        ("c", Conv2d(4, 3, padding=1), "b"),
        ("sum", Add(), "c", "b"),
        ("end", MaxPool2d(2), "sum"),
        ("squeezed", GlobalAvgPool2d(), "end"),
        ("gate", Conv2d(4, 1, activation="sigmoid"), "squeezed"),
        ("gated", Multiply(), "end", "gate"),
        ("beside", Conv2d(4, 1), "gated"),
        ("again", Add(), "gated", "beside"),
        ("pooled", GlobalAvgPool2d(), "again"),
        ("flat", Flatten(), "pooled"),
        ("logits", Linear(3), "flat"),
    )


def test_the_last_maps_are_those_that_every_way_passes():
    model = wired().build((3, 8, 8), seed=2)
    places = spatial_layers(model)
    assert list(places)[-1] == "again"
    assert {"a", "b", "c", "sum", "end", "gated", "beside"} < places.keys()
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype("float32")
    assert grad_cam(model, x).shape == (2, 8, 8)
    passed = [node.path for node in model.bottlenecks()]
    assert passed == ["a", "b", "sum", "end", "gated", "again", "pooled", "flat", "logits"]


def test_a_graph_in_a_row_of_layers():
    inner = Graph(("a", Conv2d(4, 1), "x"), ("sum", Add(), "a", "x"))
    model = Sequential(inner, GlobalAvgPool2d(), Flatten(), Linear(2)).build((4, 6, 6), seed=2)
    assert [*spatial_layers(model).items()][-1] == ("graph1", "graph1.sum")
    x = np.random.default_rng(0).standard_normal((4, 6, 6)).astype("float32")
    assert grad_cam(model, x, layer="graph1.a").shape == (6, 6)
