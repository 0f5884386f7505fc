"""Naming what fits: alone, in pairs, under other conventions; and not when another fits too."""

import numpy as np
import pytest

from clearconv.doctor.conventions import best_match
from clearconv.doctor.describe import describe
from clearconv.doctor.kinds import KINDS, Case, Kind, Limits, Slip
from clearconv.doctor.matching import Predictions, Trial, match, same

CONV = KINDS["conv2d"]
CASES = CONV.cases(Limits(bias=True))


def trials(*slips, **conventions):
    run = (CONV.run(case, frozenset(slips), conventions) for case in CASES)
    return [Trial(case, results) for case, results in zip(CASES, run, strict=True)]


def changed(name, change):
    """Return right results with one of them changed."""
    made = []
    for case in CASES:
        results = CONV.run(case)
        made.append(Trial(case, {**results, name: change(results[name], case)}))
    return made


def test_right_is_right():
    assert match(CONV, trials(), {}).right
    assert best_match(CONV, trials(), {}).right


@pytest.mark.parametrize("key", ["no-turn", "bias-mean", "weight-no-spread", "no-spread"])
def test_one_mistake_is_named(key):
    found = best_match(CONV, trials(key), {})
    assert found.sets == (frozenset([key]),)
    assert set(found.explained) == set(found.wrong)


@pytest.mark.parametrize("pair", [("no-turn", "bias-mean"), ("no-turn", "padding-exchanged")])
def test_two_mistakes_are_named(pair):
    """In two results, and in the same one."""
    found = best_match(CONV, trials(*pair), {})
    assert found.sets == (frozenset(pair),)


def test_a_convention_is_inferred_and_is_no_mistake():
    found = best_match(CONV, trials(kernel="flipped", batch="mean"), {})
    assert found.right
    assert found.conventions["kernel"] == "flipped" and found.conventions["batch"] == "mean"
    assert not best_match(CONV, trials(batch="mean"), {"batch": "sum"}).right
    found = best_match(CONV, trials("no-spread", kernel="flipped"), {})
    assert found.sets == (frozenset(["no-spread"]),)


def test_what_two_mistakes_explain_is_not_claimed_for_one():
    """Two entries of a catalogue that do the same are both listed, and neither is sure."""

    def compute(case, slips, conventions):
        return {"y": case.arrays["x"] * (2 if slips & {"a", "b"} else 1)}

    words = ("", ("y",), "", "", "")
    slips = tuple(Slip(key, *words) for key in "abc")
    kind = Kind("k", ("x",), ("y",), slips, (), lambda _: [], lambda _: [], compute)
    case = Case("", {"x": np.arange(3.0)}, {})
    found = best_match(kind, [Trial(case, {"y": np.arange(3.0) * 2})], {})
    assert found.sets == (frozenset("a"), frozenset("b"))
    assert found.sure == frozenset()


@pytest.mark.ci
def test_a_mistake_must_fit_in_every_case():
    mixed = trials("no-turn")[:1] + trials()[1:]
    found = best_match(CONV, mixed, {})
    assert found.wrong == {"grad_x": [0]} and found.sets == ()


@pytest.mark.ci
def test_the_mistakes_of_one_result_are_told_where_another_stays_unexplained():
    made = [
        Trial(t.case, {**t.results, "grad_bias": t.results["grad_bias"] + 17})
        for t in trials("no-turn")
    ]
    found = best_match(CONV, made, {})
    assert found.sets == (frozenset(["no-turn"]),)
    assert set(found.wrong) - set(found.explained) == {"grad_bias"}


def test_an_error_fits_only_mistakes_that_stop():
    stopped = [Trial(case, {}, "forward") for case in CASES]
    found = best_match(CONV, stopped, {})
    assert frozenset(["true-division"]) in found.sets
    assert all("no-turn" not in one for one in found.sets)


def test_single_precision_is_right():
    made = [
        Trial(t.case, {name: array.astype(np.float32) for name, array in t.results.items()})
        for t in trials()
    ]
    assert best_match(CONV, made, {}).right


def test_same():
    a = np.array([1.0, 2.0])
    assert same(a, a * (1 + 1e-9), "y") and not same(a, a * 1.0001, "y")
    assert same(a[:, None], a, "grad_bias") and not same(np.ones((2, 2)), np.ones(4), "y")
    assert same(np.array([np.nan, 1]), np.array([np.nan, 1]), "y")
    assert not same(np.array([np.nan, 1]), np.array([1, 1]), "y")
    assert same(np.zeros(2), np.zeros(2), "y") and not same(np.full(2, 1e-3), np.zeros(2), "y")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("grad_x", lambda a, _: -a, "sign is wrong"),
        ("grad_x", lambda a, _: 3 * a, "3 times what it should be"),
        (
            "grad_weight",
            lambda a, case: a / len(case.arrays["x"]),
            "divided by the number of images",
        ),
        ("grad_weight", lambda a, _: a[..., ::-1], "columns in reverse order"),
        ("grad_bias", lambda a, _: a[::-1] + 0, "in other places"),
        ("grad_x", lambda a, _: a + np.eye(a.shape[2], a.shape[3]) * 0 + 1, "every number"),
        ("grad_x", lambda a, _: a[:, :, 1:], "its shape is"),
        ("grad_x", lambda a, _: a * np.nan, "NaN"),
    ],
)
def test_where_errors_lie(name, change, said):
    predictions = Predictions(CONV, changed(name, change), {})
    assert said in " ".join(describe(predictions, name))


def poke(where):
    def change(array, case):
        array = array.copy()
        array[where] += 1.5
        return array

    return change


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.s_[:, 0], "the first channel"),
        (np.s_[:, :, -1], "the last row"),
        (np.s_[1:], "every image but the first"),
        (np.s_[:, :, :, ::2], "every second column"),
    ],
)
def test_which_numbers_are_wrong(where, said):
    predictions = Predictions(CONV, changed("grad_x", poke(where)), {})
    assert said in " ".join(describe(predictions, "grad_x"))


def test_in_which_cases():
    made = [
        Trial(t.case, {**t.results, "y": t.results["y"] + any(t.case.options["padding"])})
        for t in trials()
    ]
    said = describe(Predictions(CONV, made, {}), "y")
    assert said[-1] == "it is wrong in every case with padding, and in no other"
