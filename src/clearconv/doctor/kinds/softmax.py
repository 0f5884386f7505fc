"""Softmax, alone and with cross-entropy, and how they go wrong: plain, mistakes as switches."""

from collections.abc import Mapping

import numpy as np

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits
from clearconv.doctor.kinds._numbers import draw
from clearconv.doctor.kinds._passes import through
from clearconv.doctor.kinds._windows import Array
from clearconv.doctor.kinds._words import slips as words
from clearconv.random import generator


def compute_softmax(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of softmax."""
    x, grad_y = case.arrays["x"], case.arrays["grad_y"]
    passes = {
        "y": lambda: _forward(x, slips),
        "grad_x": lambda: _softmax_back(grad_y, _forward(x, slips & {"overflow"}), slips),
    }
    return through(passes, slips)


def _forward(x: Array, slips: frozenset[str]) -> Array:
    """Turn each row into probabilities."""
    shift = x.max(1, keepdims=True)
    if "overflow" in slips:
        shift = 0 * shift
    if "maximum-of-the-batch" in slips:
        shift = x.max()
    powers = np.exp(x - shift)
    total = powers.sum(1, keepdims=True)
    if "over-the-batch" in slips:
        total = powers.sum(0, keepdims=True)
    if "over-everything" in slips:
        total = powers.sum()
    y = powers if "not-normalised" in slips else powers / total
    if "forward-first-sample" in slips:
        y[1:] = 0
    return y


def _softmax_back(grad_y: Array, y: Array, slips: frozenset[str]) -> Array:
    """Every output depends on every input of its row."""
    across = (grad_y * y).sum(1, keepdims=True)
    if "diagonal-only" in slips:
        across = grad_y * y
    if "no-others" in slips:
        across = 0 * across
    if "sum-over-the-batch" in slips:
        across = (grad_y * y).sum(0, keepdims=True)
    if "sum-without-probabilities" in slips:
        across = grad_y.sum(1, keepdims=True)
    grad_x = y * (grad_y - across)
    if "outside-not-weighted" in slips:
        grad_x = grad_y - across
    if "as-with-cross-entropy" in slips:
        grad_x = y - grad_y
    if "passed-through" in slips:
        grad_x = grad_y
    if "input-first-sample" in slips:
        grad_x[1:] = 0
    return grad_x


def compute_loss(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of softmax followed by cross-entropy."""
    x, labels = case.arrays["x"], case.arrays["labels"]
    mean = conventions.get("batch", "mean") == "mean"
    log = conventions.get("log", "exact")
    passes = {
        "loss": lambda: _loss(x, labels, slips, mean, log),
        "grad_x": lambda: _loss_back(x, labels, slips, mean),
    }
    return through(passes, slips)


def _loss(x: Array, labels: Array, slips: frozenset[str], mean: bool, log: str) -> Array:
    """Minus the logarithm of the probability of the right class."""
    N, rows = len(x), np.arange(len(x))
    y = _forward(x, slips)
    each = -_log_softmax(x)[rows, labels]
    if log != "exact" or slips & _SPOIL_PROBABILITIES:
        each = -np.log(y[rows, labels] + _ADDED.get(log, 0.0))
    if "overflow-in-the-sum" in slips:
        each = -(x - np.log(np.exp(x).sum(1, keepdims=True)))[rows, labels]
    if "all-classes" in slips:
        each = -_log_softmax(x).sum(1)
    if "label-columns" in slips:
        each = -_log_softmax(x)[:, labels].sum(1)
    if "loss-sign" in slips:
        each = -each
    if "loss-first-sample" in slips:
        each = each[:1]
    loss = each.sum() / (N if mean else 1)
    if "loss-not-averaged" in slips:
        loss = each.sum()
    if "loss-over-classes-too" in slips:
        loss = loss / x.shape[1]
    return np.asarray(loss)


def _loss_back(x: Array, labels: Array, slips: frozenset[str], mean: bool) -> Array:
    """Probability minus target."""
    (N, K), rows = x.shape, np.arange(len(x))
    y = _forward(x, slips)
    if "overflow-in-the-sum" in slips:
        y = np.exp(x - np.log(np.exp(x).sum(1, keepdims=True)))
    target = np.zeros((N, K))
    target[rows, labels] = 1
    if "target-columns" in slips:
        target[:, labels] = 1
    if "no-target" in slips:
        target[...] = 0
    grad_x = y - target
    if "gradient-sign" in slips:
        grad_x = target - y
    if "label-only" in slips:
        grad_x = (y - target) * target
    if "by-the-probabilities" in slips:
        grad_x = -target / y
    if "averaged-twice" in slips:
        grad_x = grad_x / N**2
    elif mean and "never-averaged" not in slips:
        grad_x = grad_x / N
    if "averaged-over-classes-too" in slips:
        grad_x = grad_x / K
    if "input-first-sample" in slips:
        grad_x[1:] = 0
    return grad_x


#: With these the loss is computed from the spoilt probabilities.
_SPOIL_PROBABILITIES = frozenset(
    {"overflow", "maximum-of-the-batch", "over-the-batch", "over-everything"}
)

#: Numbers that programs add to a probability before its logarithm, or clip it at.
_ADDED = {f"1e-{digits}": 10.0**-digits for digits in (7, 8, 9, 10, 12, 15)}


def _log_softmax(x: Array) -> Array:
    """Return the logarithm without ever computing a probability."""
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


#: Name, samples, classes, scale and shift of the logits.
_SIZES = (
    ("fewer samples than classes", 3, 5, 1.0, 0.0),
    ("a right answer thought impossible", 2, 3, 1.0, 0.0),
    ("more samples than classes", 5, 3, 2.0, 0.0),
    ("as many samples as classes", 4, 4, 1.0, 1.0),
    ("large logits", 2, 4, 3.0, 1000.0),
    ("logits far apart between samples", 3, 4, 1.0, 0.0),
)
_SMALL = (
    ("one sample, two classes", 1, 2, 1.0, 0.0),
    ("two samples, two classes", 2, 2, 1.0, 0.0),
    ("two samples, three classes", 2, 3, 1.0, 0.0),
    ("large logits", 1, 2, 1.0, 1000.0),
    ("logits far apart between samples", 2, 2, 1.0, 0.0),
    ("a right answer thought impossible", 1, 2, 1.0, 0.0),
)


def _cases(
    kind: str, sizes: tuple[tuple[str, int, int, float, float], ...], limits: Limits, whole: bool
) -> list[Case]:
    made = []
    for name, samples, K, times, moved in sizes:
        N = samples if limits.batch else 1
        if "between samples" in name and N == 1:
            continue
        arrays = draw(f"{kind} {name}", {"x": (N, K)}, whole)
        arrays["x"] = arrays["x"] * times + moved
        if "far apart" in name:
            arrays["x"][1:] -= 1000.0
        labels = generator(0, "doctor", f"{kind} {name} labels").permutation(max(N, K))[:N] % K
        if "impossible" in name:
            if kind == "softmax":
                continue
            arrays["x"][0, labels[0]] = -1000.0
        if kind == "softmax":
            arrays |= draw(f"{kind} {name}", {"grad_y": (N, K)}, whole)
        else:
            arrays["labels"] = labels.astype(np.int64)
        made.append(Case(name, arrays, {}))
    return made


SOFTMAX = Kind(
    name="softmax",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("softmax"),
    conventions=(),
    make_cases=lambda limits: _cases("softmax", _SIZES, limits, whole=False),
    make_small=lambda limits: _cases("softmax", _SMALL, limits, whole=True),
    compute=compute_softmax,
)

SOFTMAX_CROSS_ENTROPY = Kind(
    name="softmax_cross_entropy",
    inputs=("x", "labels"),
    results=("loss", "grad_x"),
    slips=words("softmax_cross_entropy"),
    conventions=(
        Convention(
            "batch",
            "how the loss treats the batch",
            {"mean": "it is a mean over the samples", "sum": "it is a sum over the samples"},
            ("loss", "grad_x"),
        ),
        Convention(
            "log",
            "how the logarithm is kept from 0",
            {
                "exact": "it is computed without the probability, and is right for every input",
                "probability": "it is that of the computed probability, and infinite where this "
                "is too small for a number",
                **{
                    size: f"{size} is added to the probability, or the least it may be"
                    for size in _ADDED
                },
            },
            ("loss",),
        ),
    ),
    make_cases=lambda limits: _cases("cross-entropy", _SIZES, limits, whole=False),
    make_small=lambda limits: _cases("cross-entropy", _SMALL, limits, whole=True),
    compute=compute_loss,
)
