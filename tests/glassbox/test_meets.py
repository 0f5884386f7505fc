"""The rules by which numbers met: the page's data name them, and its script has them."""

import re
from importlib.resources import files

import numpy as np
import pytest

from clearconv import (
    Add,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Graph,
    Identity,
    Join,
    MaxPool2d,
    Multiply,
    Residual,
    Sequential,
    Upsample,
    trace,
)
from clearconv.glassbox import glass_box
from clearconv.glassbox.facts import meets
from clearconv.layers import Layer
from clearconv.tracing.chapters import _explainers

SCRIPT = files("clearconv.glassbox").joinpath("page", "meet.js").read_text("utf-8")
RULES = set(re.findall(r"\w+", re.search(r"const rules = \{(.*?)\};", SCRIPT, re.DOTALL)[1]))


ARRAYS = ["clearconv.tracing.chapters.operands", "clearconv.tracing.chapters.reordering"]


class Mine(Layer):
    def _build(self, input_shape):
        return input_shape

    def _forward(self, x, context):
        return x, None

    def _backward(self, grad_y, saved, context):
        return grad_y


def test_the_script_has_rules_for_all_that_an_explainer_knows():
    """Of layers with several inputs and of those that move numbers, the page shows the arrays."""
    known = _explainers().items()
    assert {name.lower() for name, kind in known if kind.__module__ not in ARRAYS} <= RULES


@pytest.mark.parametrize(
    ("layer", "other", "rules"),
    [
        (Add(), "x", "residual"),
        (Add(), "pooled", ""),
        (Join(), "x", "concat"),
        (Join(2), "x", ""),
        (Multiply(), "pooled", ""),
    ],
)
def test_layers_with_several_inputs_name_theirs(layer, other, rules):
    nodes = [("pooled", GlobalAvgPool2d(), "x")] if other == "pooled" else []
    model = Graph(*nodes, ("y", layer, "x", other)).build((2, 6, 6), dtype="float64")
    x = np.ones((2, 6, 6))
    recorded = trace(model, x, grad_y=model.forward(x[np.newaxis]))
    assert meets(recorded.layers[-1]) == rules
    assert glass_box(recorded)


@pytest.mark.parametrize(
    ("layer", "rules"),
    [
        (Conv2d(2, 3), "conv2d"),
        (MaxPool2d(2), "max_pool2d"),
        (AvgPool2d(2), "shares"),
        (Upsample(scale_factor=2), "shares"),
        (Flatten(), "flatten"),
        (Residual(Conv2d(1, 1)), "residual"),
        (Identity(), "activation"),
        (Mine(), ""),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_each_layer_names_its_rules(layer, rules):
    model = Sequential(layer).build((1, 6, 6), dtype="float64")
    x = np.ones((1, 6, 6))
    recorded = trace(model, x, grad_y=model.forward(x[np.newaxis]))
    assert meets(recorded.layers[-1]) == rules
    assert rules in RULES or not rules
