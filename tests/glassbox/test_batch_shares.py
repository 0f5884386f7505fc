"""A sum over a training batch: what each image adds stands on the page, and is the trace's."""

import json

import numpy as np
import pytest

ALL = """
JSON.stringify(%s.map(([place, view, index]) => {
  Glass.open(place, view, index);
  const { layer, view: { result }, cell } = Glass.state();
  const lines = [...document.querySelectorAll("#told .images li")].map((line) => line.textContent);
  const names = ["", "", "", ""];
  return [Batch.shares(layer, result, cell), Batch.through(layer, result, cell, names), lines];
}))
"""


PANDA = "panda" + "\N{PANDA FACE}" * 100


@pytest.fixture(scope="module")
def questions(passes):
    """Name an element of every sum over the batch: (layer's place, view's result, index)."""
    rng, found = np.random.default_rng(5), []
    for place, layer in enumerate(passes["training"].layers):
        names = [f"grad_{name}" for name in layer.parameters]
        for result in [*names, *(["mean", "grad_x"] if layer.type == "BatchNorm2d" else [])]:
            array = layer.array(result)
            shape = array.shape[1:] if result == "grad_x" else array.shape
            found.append((place, result, [int(rng.integers(size)) for size in shape]))
    return found


@pytest.fixture(scope="module")
def answers(browser, pages, questions):
    browser.problems.clear()
    browser.open(pages["training"])
    views = json.loads(
        browser.evaluate(
            """JSON.stringify([...document.querySelectorAll("#network button")].map((button) => {
              button.click();
              return Glass.state().layer.views.map((view) => view.result);
            }))"""
        )
    )
    asks = [(place, views[place].index(result), index) for place, result, index in questions]
    got = json.loads(browser.evaluate(ALL % json.dumps(asks)))
    assert browser.problems == []
    return got


def test_each_image_adds_what_the_trace_says(passes, questions, answers):
    trace, seen = passes["training"], set()
    for (place, result, index), (shares, _, lines) in zip(questions, answers, strict=True):
        layer = trace.layers[place]
        if result == "grad_x":
            continue
        by_image = np.zeros(4)
        for term in trace.explain(layer.path, result, index).terms:
            by_image[term.factors[0].index[0]] += term.value
        assert shares == pytest.approx(by_image[1:], rel=1e-9, abs=1e-13), (layer.path, result)
        names = ["image 1 (<b>dog)", "image 2 (</script><script>alert('class')</script>)"]
        assert [line.rpartition(":")[0] for line in lines] == [*names, f"image 3 ({PANDA})"]
        seen.add((layer.type, result))
    assert {
        ("Conv2d", "grad_weight"),
        ("ConvTranspose2d", "grad_bias"),
        ("Linear", "grad_weight"),
    } < seen
    assert {
        ("BatchNorm2d", "mean"),
        ("GroupNorm", "grad_weight"),
        ("LayerNorm", "grad_bias"),
    } < seen


def test_what_goes_through_mean_and_variance_is_told_image_by_image(passes, questions, answers):
    trace = passes["training"]
    (asked,) = [k for k, (_, result, _) in enumerate(questions) if result == "grad_x"]
    (place, _, index), (_, through, lines) = questions[asked], answers[asked]
    layer, (c, *_) = trace.layers[place], index
    weight = layer.parameters["weight"].value[c] / np.sqrt(layer.kept.var[c] + layer.kept.eps)
    hat, errors = layer.x_hat[:, c], layer.grad_y[:, c]
    own = hat[0][tuple(index[1:])]
    expected = [
        -weight / hat.size * (errors[n].sum() + own * (errors[n] * hat[n]).sum()) for n in range(4)
    ]
    parts = [one["value"] for one in through]
    assert parts == pytest.approx(expected, rel=1e-9)
    assert len(lines) == 4 and lines[0].startswith("image 0 (panda")
    direct = weight * errors[0][tuple(index[1:])]
    assert direct + sum(parts) == pytest.approx(layer.grad_x[0][tuple(index)], rel=1e-9)
