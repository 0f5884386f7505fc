"""Gradients returned in another order than usual are told apart by their shapes."""

import pytest

from clearconv.doctor import examine

LINEAR = """
import numpy as np

def linear_forward(x, w, b):
    return x @ w + b, (x, w)

def linear_backward(dout, cache):
    x, w = cache
    dw = x.T @ dout
    return {returned}
"""


@pytest.fixture
def layer(tmp_path):
    """Examine a program of one layer."""

    def run(text):
        (tmp_path / "mine.py").write_text(text)
        (verdict,) = examine(tmp_path / "mine.py").verdicts
        return verdict

    return run


@pytest.mark.parametrize(
    "returned",
    ["dw, dout.sum(axis=0), dout @ w.T", "x.T @ dout, dout.sum(axis=0), dout @ w.T"],
)
def test_the_order_is_said_and_no_mistake(layer, returned):
    verdict = layer(LINEAR.format(returned=returned))
    assert verdict.right
    assert verdict.remarks == ["it returns grad_weight, grad_bias, grad_x, in this order"]


@pytest.mark.ci
def test_a_wrong_result_in_another_order_is_named(layer):
    verdict = layer(LINEAR.format(returned="dw, dout.mean(axis=0), dout @ w.T"))
    assert verdict.match.sets == (frozenset({"bias-mean"}),)


@pytest.mark.ci
def test_the_usual_order_goes_without_saying(layer):
    verdict = layer(LINEAR.format(returned="dout @ w.T, dw, dout.sum(axis=0)"))
    assert verdict.right and not verdict.remarks
    verdict = layer(LINEAR.format(returned="dout @ w.T, dw, dout.sum()"))
    assert not verdict.right and not verdict.remarks
