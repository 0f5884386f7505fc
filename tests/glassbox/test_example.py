"""The article's example is the article's: its printed numbers, to the last digit."""

import json

import numpy as np

from clearconv.glassbox import article_example

FORWARD = [[[6, 7, 5], [3, -1, -1], [2, -1, 4]], [[2, -5, -8], [1, -4, -4], [0, -5, -5]]]


def test_forward_is_what_the_article_prints():
    layer = article_example()["conv1"]
    assert layer.y[0].tolist() == FORWARD


def test_step_and_gradients_are_what_the_article_prints(shared):
    reference = json.loads((shared / "reference" / "seed_worked_example.json").read_text("utf-8"))
    article, layer = reference["conv_example"], article_example()["conv1"]
    assert layer.y[0].tolist() == article["printed_forward"]
    for name, printed in (("weight", "filters"), ("bias", "biases")):
        numbers = np.array(article[f"printed_updated_{printed}"])
        assert np.abs(layer.parameters[name].updated - numbers).max() < 1e-12
    gradients = np.array(article["computed"]["weight_gradients"])
    assert np.array_equal(layer.parameters["weight"].gradient, gradients)
