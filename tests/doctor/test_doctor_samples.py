"""A softmax that mixes the samples of a batch, and one that is meant for one sample at a time."""

import pytest

from clearconv.doctor import examine

WHOLE = """
import numpy as np

def softmax_forward(x):
    {said}
    e = np.exp(x - np.max(x))
    return e / np.sum(e)

def softmax_backward(grad_y, y):
    return y * (grad_y - np.sum(grad_y * y))
"""
LOSS = """
import numpy as np

def softmax_loss(x, y):
    e = np.exp(x - np.max(x))
    p = e / np.sum(e)
    dx = p.copy()
    dx[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).sum() / len(y), dx / len(y)
"""
ONE = """
import numpy as np

def softmax_forward(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, y

def softmax_backward(grad_y, y):
    return grad_y @ (np.diag(y) - np.outer(y, y))
"""


@pytest.fixture
def layer(tmp_path):
    """Examine a program of one layer."""

    def run(text):
        (tmp_path / "mine.py").write_text(text)
        (verdict,) = examine(tmp_path / "mine.py").verdicts
        return verdict

    return run


@pytest.mark.ci
def test_a_batch_that_is_spoken_of_must_not_be_mixed(layer):
    verdict = layer(WHOLE.format(said='"""Take (N, K), return (N, K)."""'))
    assert verdict.layout.batch and not verdict.right
    assert "over-everything" in verdict.match.sure


@pytest.mark.ci
def test_a_loss_that_divides_by_the_batch_must_not_mix_it(layer):
    verdict = layer(LOSS)
    assert verdict.layout.batch and not verdict.right


def test_one_sample_at_a_time_is_right_and_what_several_give_is_said(layer):
    verdict = layer(WHOLE.format(said="pass"))
    assert verdict.right and not verdict.layout.batch
    assert any("axis=1, keepdims=True" in remark for remark in verdict.remarks)


def test_a_way_back_for_one_sample_is_tried_with_one(layer):
    verdict = layer(ONE)
    assert verdict.right and not verdict.layout.batch and not verdict.remarks
