"""The executable catalogue: right without a mistake, and no two mistakes alike."""

import re
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from clearconv.doctor.kinds import KINDS, Limits
from clearconv.doctor.kinds.conv2d import TURNS
from clearconv.ops import (
    activation,
    avg_pool2d,
    batch_norm2d,
    conv2d,
    cross_entropy,
    dropout,
    im2col,
    linear,
    max_pool2d,
    softmax,
)

DOCS = Path(__file__).parents[3] / "docs"


def library_conv2d(case):
    a, o = case.arrays, case.options
    how = {name: o[name] for name in ("stride", "padding", "dilation")}
    results = {
        "y": conv2d.forward(a["x"], a["weight"], a.get("bias"), **how),
        "grad_x": conv2d.backward_input(a["grad_y"], a["weight"], a["x"].shape, **how),
        "grad_weight": conv2d.backward_weight(a["grad_y"], a["x"], a["weight"].shape, **how),
    }
    return results | ({"grad_bias": conv2d.backward_bias(a["grad_y"])} if "bias" in a else {})


def _pooling(case):
    o = case.options
    return o["kernel"], o["stride"], o["padding"]


def library_max_pool2d(case):
    a, o = case.arrays, case.options
    y, saved = max_pool2d.forward_saving(a["x"], *_pooling(case), dilation=o["dilation"])
    return {"y": y, "grad_x": max_pool2d.backward_input(a["grad_y"], saved)}


def library_avg_pool2d(case):
    a, dilation = case.arrays, case.options["dilation"]
    how = _pooling(case)
    return {
        "y": avg_pool2d.forward(a["x"], *how, dilation=dilation),
        "grad_x": avg_pool2d.backward_input(a["grad_y"], a["x"].shape, *how, dilation=dilation),
    }


def library_im2col(case):
    how = (*_pooling(case), case.options["dilation"])
    return {"cols": im2col.forward(case.arrays["x"], *how)}


def library_col2im(case):
    how = (*_pooling(case), case.options["dilation"])
    return {"x": im2col.backward_input(case.arrays["cols"], case.options["x_shape"], *how)}


def library_linear(case):
    a = case.arrays
    x = a["x"].reshape(len(a["x"]), -1)
    results = {
        "y": linear.forward(x, a["weight"], a.get("bias")),
        "grad_x": linear.backward_input(a["grad_y"], a["weight"]).reshape(a["x"].shape),
        "grad_weight": linear.backward_weight(a["grad_y"], x),
    }
    return results | ({"grad_bias": linear.backward_bias(a["grad_y"])} if "bias" in a else {})


def _activated(case, kind):
    y, saved = activation.forward_saving(case.arrays["x"], kind)
    return {"y": y, "grad_x": activation.backward_input(case.arrays["grad_y"], saved)}


def library_relu(case):
    return _activated(case, "relu")


def library_sigmoid(case):
    return _activated(case, "sigmoid")


def library_batch_norm(case):
    a, o = case.arrays, case.options
    running = {name: a[name].copy() for name in ("running_mean", "running_var")}
    given = {} if o["training"] else {"mean": a["running_mean"], "var": a["running_var"]}
    y, saved = batch_norm2d.forward_saving(a["x"], a["gamma"], a["beta"], o["eps"], **given)
    if not o["training"]:
        return {"y": y} | running
    batch_norm2d.update_running(*running.values(), saved, o["momentum"])
    twice = {f"{name}@2": array.copy() for name, array in running.items()}
    batch_norm2d.update_running(*twice.values(), saved, o["momentum"])
    return (
        {
            "y": y,
            "grad_x": batch_norm2d.backward_input(a["grad_y"], a["gamma"], saved),
            "grad_gamma": batch_norm2d.backward_weight(a["grad_y"], saved),
            "grad_beta": batch_norm2d.backward_bias(a["grad_y"], saved),
        }
        | running
        | twice
    )


def library_dropout(case):
    a, p = case.arrays, case.options["p"]
    if not case.options["training"]:
        return {"y": a["x"]}
    results = {}
    for call in ("", "@2"):  # dropping is the same in both directions
        saved = dropout.DropoutSaved(a["draws" + call] >= p, p)
        results["y" + call] = dropout.backward_input(a["x"], saved)
        results["grad_x" + call] = dropout.backward_input(a["grad_y"], saved)
    return results


def library_softmax(case):
    y = softmax.forward(case.arrays["x"])
    return {"y": y, "grad_x": softmax.backward_input(case.arrays["grad_y"], y)}


def library_softmax_cross_entropy(case):
    loss, saved = cross_entropy.forward_saving(case.arrays["x"], case.arrays["labels"])
    return {"loss": loss, "grad_x": cross_entropy.backward_input(saved)}


LIBRARY = {
    name.removeprefix("library_"): function
    for name, function in globals().copy().items()
    if name.startswith("library_")
}

WINDOWS = [
    Limits(),
    Limits(batch=False),
    Limits(batch=False, channels=False),
    Limits(square_image=True, square_kernel=True),
    Limits(one_stride=True, one_padding=True, fixed={"dilation": 1}),
    Limits(leftover=False, one_stride=True, one_padding=True),
    Limits(fixed={"stride": 1, "padding": 0, "dilation": 1}),
    Limits(leftover=False, fixed={"stride": "kernel", "padding": 0, "dilation": 1}),
    Limits(fixed={"kernel": 2, "stride": 2, "padding": 0, "dilation": 1}),
    Limits(False, None, True, True, True, True, False, False, {"dilation": 1}),
]

LIMITS = {
    "conv2d": [*WINDOWS, Limits(bias=False)],
    "max_pool2d": WINDOWS,
    "avg_pool2d": WINDOWS,
    "im2col": WINDOWS,
    "col2im": WINDOWS,
    "linear": [Limits(), Limits(batch=False), Limits(bias=False), Limits(rank=4)],
    "relu": [Limits(), Limits(batch=False), Limits(rank=1), Limits(rank=2), Limits(rank=4)],
    "sigmoid": [Limits(), Limits(batch=False), Limits(rank=1), Limits(rank=2), Limits(rank=4)],
    "batch_norm": [
        Limits(),
        Limits(rank=2),
        Limits(rank=4),
        Limits(fixed={"training": True, "eps": 1e-5}),
        Limits(fixed={"momentum": 0.9}),
    ],
    "dropout": [Limits(), Limits(batch=False), Limits(rank=2), Limits(rank=4, fixed={"p": 0.5})],
    "softmax": [Limits(), Limits(batch=False)],
    "softmax_cross_entropy": [Limits(), Limits(batch=False)],
}


#: Limits that narrow nothing, under which every mistake can show: images can be flattened or not.
OPEN = {name: [Limits()] for name in KINDS} | {"linear": [Limits(), Limits(rank=4)]}


def same(a, b):
    """Say whether two sets of results agree, missing ones and shapes included."""
    return a.keys() == b.keys() and all(
        a[name].shape == b[name].shape
        and np.allclose(a[name], b[name], rtol=1e-9, atol=1e-9, equal_nan=True)
        for name in a
    )


def everything(kind, slips=frozenset(), limits=None, conventions=None):
    return [kind.run(case, slips, conventions) for case in kind.cases(limits)]


@pytest.mark.parametrize("name, limits", [(n, l) for n in KINDS for l in LIMITS[n]])
def test_without_a_mistake_a_kind_is_the_library(name, limits):
    kind = KINDS[name]
    for case in kind.cases(limits) + kind.small_cases(limits):
        assert same(kind.run(case), LIBRARY[name](case)), case.name


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_mistake_is_exposed_and_spoils_what_it_says(kind):
    cases = [case for limits in OPEN[kind.name] for case in kind.cases(limits)]
    for slip in kind.slips:
        spoilt = set()
        for case in cases:
            truth, wrong = kind.run(case), kind.run(case, frozenset({slip.key}))
            names = truth.keys() | wrong.keys()
            first = {name: truth.get(name, truth.get(name[:-2])) for name in names}
            spoilt |= {
                name
                for name in names
                if name not in wrong or not same({"": wrong[name]}, {"": first[name]})
            }
        spoilt -= {f"{name}@2" for name in spoilt}  # a second call only where the first is right
        assert spoilt == set(slip.spoils), slip.key


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_two_mistakes_give_the_same_results(kind):
    results = {slip.key: everything(kind, frozenset({slip.key})) for slip in kind.slips}
    alike = [
        (a, b)
        for a, b in combinations(results, 2)
        if all(same(x, y) for x, y in zip(results[a], results[b], strict=True))
    ]
    assert alike == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_convention_shows_in_the_results_it_says(kind):
    keys = [convention.key for convention in kind.conventions]
    choices = product(*(convention.values for convention in kind.conventions))
    results = {
        choice: everything(kind, conventions=dict(zip(keys, choice, strict=True)))
        for choice in choices
    }
    for at, convention in enumerate(kind.conventions):
        shown = {value: set() for value in list(convention.values)[1:]}
        for choice, result in results.items():
            if choice[at] in shown:
                first = results[(*choice[:at], next(iter(convention.values)), *choice[at + 1 :])]
                shown[choice[at]] |= {
                    name
                    for one, other in zip(result, first, strict=True)
                    for name in one
                    if not same({"": one[name]}, {"": other[name]})
                }
        assert all(changed & set(convention.shows_in) for changed in shown.values()), shown


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_mistake_shows_in_a_case_that_can_be_redone_by_hand(kind):
    small = [case for limits in OPEN[kind.name] for case in kind.small_cases(limits)]
    assert all(array.size <= 40 for case in small for array in case.arrays.values())
    for slip in kind.slips:
        runs = [(kind.run(case), kind.run(case, frozenset({slip.key}))) for case in small]
        assert not all(same(right, wrong) for right, wrong in runs), slip.key


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_cases_are_small_and_the_same_at_every_call(kind):
    for case, again in zip(kind.cases(), kind.cases(), strict=True):
        assert all(array.size <= 2000 for array in case.arrays.values()), case.name
        assert all(np.array_equal(case.arrays[n], again.arrays[n]) for n in case.arrays)


def test_two_turns_are_made_in_the_order_of_the_catalogue():
    """Some do not commute; a set of keys has another order in every process."""
    case = replace(KINDS["conv2d"].small_cases()[-1], name="two of each")
    case.arrays["weight"] = np.arange(16.0).reshape(2, 2, 2, 2)  # a square in every way
    case.arrays["x"], case.arrays["grad_y"] = (np.ones((1, 2, 3, 3)), np.ones((1, 2, 2, 2)))
    case.arrays["bias"] = np.zeros(2)
    for one, other in combinations(TURNS, 2):
        turned = {**case.arrays, "weight": TURNS[other](TURNS[one](case.arrays["weight"]))}
        wanted = KINDS["conv2d"].run(replace(case, arrays=turned))["grad_x"]
        got = KINDS["conv2d"].run(case, frozenset({one, other}))["grad_x"]
        assert np.array_equal(got, wanted), (one, other)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_links_lead_to_a_heading(kind):
    for slip in kind.slips:
        page, anchor = slip.link.split("#")
        headings = re.findall(r"^#+ (.*)", (DOCS / page).read_text(), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_hints_and_errors_are_regular_expressions(kind):
    for slip in kind.slips:
        for pattern in (*slip.hints, slip.error):
            re.compile(pattern)


def test_the_checks_can_fail():
    kind = KINDS["conv2d"]
    case = kind.cases()[0]
    wrong = replace(case, arrays={**case.arrays, "x": -case.arrays["x"]})
    assert not same(kind.run(wrong), LIBRARY["conv2d"](case))
    assert not same({"y": np.zeros(2)}, {"y": np.zeros((1, 2))})
    assert not same({"y": np.zeros(2)}, {})
