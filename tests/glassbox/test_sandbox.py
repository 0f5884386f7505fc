"""The sandbox computes what the library computes, in a real browser, on random cases."""

import json

import numpy as np
import pytest

from clearconv.ops import avg_pool2d, conv2d, max_pool2d

RUN = """
JSON.stringify(%s.map(({ x, weight, bias, error, kernel, how }) => {
  const input = Sandbox.shape(x);
  const { y, winners } = Sandbox.maxPool(x, kernel, how);
  return {
    y: Sandbox.convolve(x, weight, bias, how),
    grad_x: Sandbox.inputGradient(error, weight, input, how),
    grad_weight: Sandbox.weightGradient(error, x, kernel, how),
    grad_bias: Sandbox.biasGradient(error),
    max: y,
    max_grad: winners.flat().includes(null) ? null : Sandbox.maxPoolGradient(error, winners, input),
    mean: Sandbox.averagePool(x, kernel, how),
    mean_grad: Sandbox.averagePoolGradient(error, kernel, input, how),
  };
}))
"""


def case(rng):
    """Return one geometry that fits, with whole numbers, so that ties occur."""
    while True:
        size, kernel = rng.integers(1, 9, 2), rng.integers(1, 6, 2)
        how = {
            "stride": rng.integers(1, 5, 2).tolist(),
            "padding": rng.integers(0, 4, 2).tolist(),
            "dilation": rng.integers(1, 4, 2).tolist(),
        }
        room = size + 2 * np.array(how["padding"]) - np.array(how["dilation"]) * (kernel - 1) - 1
        if (room >= 0).all():
            break
    output = room // np.array(how["stride"]) + 1
    made = {
        name: rng.integers(-4, 5, shape).astype(np.float64)
        for name, shape in (("x", size), ("weight", kernel), ("error", output))
    }
    return made | {"bias": float(rng.integers(-3, 4)), "kernel": kernel.tolist(), "how": how}


def test_random_cases_agree_with_the_library(browser, pages):
    rng = np.random.default_rng(0)
    cases = [case(rng) for _ in range(200)]
    browser.open(pages["article"])
    plain = json.dumps(cases, default=lambda array: array.tolist())
    pooled = 0
    for given, got in zip(cases, json.loads(browser.evaluate(RUN % plain)), strict=True):
        x, weight, error = (given[name] for name in ("x", "weight", "error"))
        four, how = weight[np.newaxis, np.newaxis], given["how"]
        errors = error[np.newaxis]
        expected = {
            "y": conv2d.forward(x, four, np.array([given["bias"]]), **how)[0],
            "grad_x": conv2d.backward_input(errors, four, x.shape, **how),
            "grad_weight": conv2d.backward_weight(errors, x, four.shape, **how)[0, 0],
            "grad_bias": conv2d.backward_bias(errors)[0],
        }
        window = {"kernel_size": given["kernel"], **how}
        expected["mean"] = avg_pool2d.forward(x, **window)
        expected["mean_grad"] = avg_pool2d.backward_input(error, x.shape, **window)
        if got["max_grad"] is not None:
            expected["max"], saved = max_pool2d.forward_saving(x, **window)
            expected["max_grad"] = max_pool2d.backward_input(error, saved)
            pooled += 1
        for name, array in expected.items():
            assert np.abs(np.array(got[name]) - array).max() < 1e-12, (name, given)
    assert pooled > 50


def test_what_a_reader_edits_is_computed_anew(browser, pages):
    browser.problems.clear()
    browser.open(pages["article"])
    grid = """
    JSON.stringify([...document.querySelector("[data-grid=%s]").rows].map((row) =>
      [...row.cells].map((cell) => cell.firstChild.value || cell.firstChild.textContent)))
    """

    def read(name):
        text = json.loads(browser.evaluate(grid % name))
        return np.array([[float(v.replace("\N{MINUS SIGN}", "-")) for v in row] for row in text])

    cell = 'document.querySelector(\'[data-grid=%s] [data-r="%d"][data-c="%d"]\')'
    field = "document.querySelector('[name=\"%s\"]')"
    for place, value in (
        (field % "stride rows", "2"),
        (field % "padding columns", "1"),
        (cell % ("input", 1, 2), "-2.5"),
        (cell % ("kernel", 0, 0), "\N{MINUS SIGN}3"),
    ):
        browser.evaluate(f"{place}.value = '{value}'")
        for event in ("input", "change"):
            browser.evaluate(f"{place}?.dispatchEvent(new Event('{event}', {{bubbles: true}}))")
    x, weight = read("input"), read("kernel")
    assert x[1, 2] == -2.5 and weight[0, 0] == -3
    y = conv2d.forward(x, weight[np.newaxis, np.newaxis], stride=(2, 1), padding=(0, 1))[0]
    assert read("y") == pytest.approx(y)
    browser.evaluate(f"{cell % ('y', 0, 1)}.click()")
    assert browser.evaluate('document.querySelectorAll("#bench .lit").length') == 18
    line = browser.evaluate('document.querySelector("#bench .sum").textContent')
    assert line.startswith("output y [0, 1] = \N{MINUS SIGN}3 × 1 + ")
    assert float(line.split(" = ")[-1].replace("\N{MINUS SIGN}", "-")) == y[0, 1]
    assert browser.problems == []


def test_what_does_not_fit_is_said(browser, pages):
    browser.open(pages["article"])
    field = "document.querySelector(\"[name='kernel rows']\")"
    rows = "document.querySelector(\"[name='input rows']\")"
    browser.evaluate(f"{rows}.value = 2; {field}.value = 5")
    browser.evaluate(f"{field}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    text = browser.evaluate('document.querySelector("#bench .told").textContent')
    assert "does not fit" in text
    assert browser.evaluate('document.querySelector("#bench .results").hidden') is True
