"""What is said: in the learner's p, about single numbers, with the options that the code takes."""

import numpy as np
import pytest

from clearconv.doctor import examine, told
from clearconv.doctor.describe import describe
from clearconv.doctor.kinds import KINDS, Case, Limits
from clearconv.doctor.layout import LAYOUTS
from clearconv.doctor.matching import NONE, Predictions, Trial
from clearconv.doctor.share import spoken, spoken_slip

DROPOUT = """
import numpy as np

def dropout_forward(x, keep_prob, mode):
    if mode == "test":
        return x, None
    mask = np.random.rand(*x.shape) < keep_prob
    return x * mask, mask

def dropout_backward(dout, mask):
    return dout * mask
"""
BATCH_NORM = """
import numpy as np

def batchnorm_forward(x, gamma, beta):
    mean, var = x.mean(axis=0), x.var(axis=0)
    hat = (x - mean) / np.sqrt(var + 1e-5)
    return gamma * hat + beta, (hat, gamma, var)

def batchnorm_backward(dout, cache):
    hat, gamma, var = cache
    dx = dout * gamma / np.sqrt(var + 1e-5)
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)
"""


@pytest.fixture
def said(tmp_path):
    """Return what is said about a program, its lines joined."""

    def run(text):
        (tmp_path / "mine.py").write_text(text)
        return " ".join(" ".join(told(examine(tmp_path / "mine.py"))).split())

    return run


@pytest.mark.parametrize("slip", KINDS["dropout"].slips, ids=lambda slip: slip.key)
def test_the_words_about_dropout_hold_for_a_share_kept(slip):
    kept = next(one for one in LAYOUTS["dropout"] if one.other == "keep")
    other = spoken_slip(slip, kept)
    for text, here in ((slip.why, other.why), (slip.remedy, other.remedy)):
        assert here.count("/ p") == text.count("/ (1 - p)")
        assert "(1 - p)" not in here
    assert spoken("divided by p instead of 1 - p", kept) == "divided by 1 - p instead of p"
    assert spoken("rand(3) >= p", kept) == "rand(3) < p"
    assert spoken_slip(slip, LAYOUTS["dropout"][0]) == slip


def test_a_share_kept_is_spoken_of_throughout(said):
    text = said(DROPOUT)
    assert "y = x * mask / p in training" in text
    assert "(p 0.75, " in text
    assert "scale:" not in text


def test_an_option_that_is_built_in_is_not_shown_as_one(said):
    text = said(BATCH_NORM)
    assert "eps is built in: 1e-05" in text
    assert "(training)" in text and "eps 0.1" not in text


def test_no_small_case_of_batch_norm_has_equal_numbers_alone():
    for case in KINDS["batch_norm"].small_cases(Limits()):
        assert case.arrays["x"].std() > 0


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((1.5, 1.5), "it is 1.5 times what it should be"),
        ((1 / 99, 1 / 99), "it is 1/99 times what it should be"),
        ((1 / 99, 1.25), "it is off by a different factor in each case: 1/99, 1.25"),
        ((-1, -1), "its sign is wrong; the size is right"),
    ],
)
def test_one_number_is_not_spoken_of_as_many(factors, words):
    kind = KINDS["softmax_cross_entropy"]
    trials = []
    for factor, case in zip(factors, kind.cases(Limits()), strict=False):
        trials.append(Trial(case, {"loss": kind.run(case, NONE)["loss"] * factor}))
    assert describe(Predictions(kind, trials, {}), "loss")[0] == words


def test_places_are_said_plainly():
    kind = KINDS["relu"]
    x = np.arange(1.0, 13.0).reshape(4, 3)
    case = Case("positive", {"x": x, "grad_y": x}, {})
    for hit, words in (
        (np.s_[:, 0], "only those of the first feature are wrong; the other numbers are right"),
        (([0, 1, 3], [0, 1, 2]), "25% of its numbers are wrong"),
    ):
        grad_x = x.copy()
        grad_x[hit] += 1
        trials = [Trial(case, {"grad_x": grad_x})]
        assert describe(Predictions(kind, trials, {}), "grad_x") == [words]
