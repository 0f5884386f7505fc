"""Find the layout of the arrays in a learner's code by trying."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from clearconv.doctor.conventions import best_match
from clearconv.doctor.find import Found
from clearconv.doctor.layer import Layer
from clearconv.doctor.limits import limits_of
from clearconv.doctor.matching import NONE, Trial, expected, part
from clearconv.doctor.narrower import narrowest
from clearconv.doctor.sandbox import Job

_PROBES = 3
_ENDS = ("Timeout", "Ended")
#: Kinds whose formulas also run with several samples where one is meant, and then mix them.
_BY_SAMPLE = ("softmax", "softmax_cross_entropy")
_MIXED = (
    "it was given one sample at a time; several given together, (N, K), are mixed: the maximum "
    "and the sum must go along each row, axis=1, keepdims=True"
)
_BATCH = (
    r"keepdims|axis *= *\(?(1|-1)\b|\.(sum|max)\(-?1|\bN, *\w+ *=|\(N, *\w+\)|batch"
    r"|/=? *(len\(|N\b|\w+\.shape\[0\])"
)


def probe(layer: Layer, source: str, remarks: list[str]) -> tuple[int, dict[str, Any] | None]:
    """Find the layout that explains most.

    Parameters
    ----------
    layer : Layer
        The layer.
    source : str
        The learner's file.
    remarks : list of str
        Receives a remark about what the layout hides.

    Returns
    -------
    layout : int
        Number of the layout among the kind's.
    hopeless : dict or None
        Error that ends the program before it returns anything.
    """
    trials, hopeless = _trials(layer, tight=False)
    if hopeless is not None:
        return 0, hopeless
    if not any(_main(trial) for each in trials for trial in each):
        trials, hopeless = _trials(layer, tight=True)
        if hopeless is not None:
            return 0, hopeless
    scores = [sum(_score(layer, one, at) for one in each) for at, each in enumerate(trials)]
    ranked = sorted(range(len(trials)), key=lambda at: -scores[at])
    mistakes = partial(_mistakes, layer)
    best = (
        ranked[0]
        if mistakes(trials[ranked[0]]) == 0
        else min(ranked, key=lambda at: mistakes(trials[at]))
    )
    if layer.layouts[best].batch or layer.kind.name not in _BY_SAMPLE:
        return best, None
    several = [at for at in ranked if layer.layouts[at].batch and _shaped(layer, trials[at])]
    if several and _speaks_of_batch(layer.found, source):
        return min(several, key=lambda at: mistakes(trials[at])), None
    if several:
        remarks.append(_MIXED)
    return best, None


def _shaped(layer: Layer, trials: Sequence[Trial]) -> bool:
    """Whether the code finishes with several samples, and every shape is right."""
    for trial in trials:
        truth = layer.kind.run(trial.case, NONE)
        shapes = {name: array.shape for name, array in trial.results.items() if name in truth}
        if trial.stopped or any(truth[name].shape != shape for name, shape in shapes.items()):
            return False
    return all(trial.results for trial in trials)


def _speaks_of_batch(found: Found, source: str) -> bool:
    """Whether the text shows that several samples are meant to go in at once."""
    lines = source.splitlines()
    spans = [call.lines for call in found.calls.values()]
    text = "\n".join(line for first, last in spans for line in lines[first - 1 : last])
    return bool(re.search(_BATCH, text))


def _trials(layer: Layer, tight: bool) -> tuple[list[list[Trial]], dict[str, Any] | None]:
    """Run a few cases in each layout."""
    jobs = []
    for number, layout in enumerate(layer.layouts):
        if layout.alone and layer.found.family == "functions":
            continue
        limits = limits_of(layer.found, layout)
        limits = narrowest(layer, limits) if tight else limits
        jobs += [Job(case, number) for case in layer.cases(limits, number)[:_PROBES]]
    answers = layer.answers(jobs)
    ends = [a.trouble for a in answers if a.trouble and a.trouble["type"] in _ENDS]
    if ends and not any(answer.results for answer in answers):
        return [], ends[0]
    trials: list[list[Trial]] = [[] for _ in layer.layouts]
    for job, answer in zip(jobs, answers, strict=True):
        trials[job.layout].append(layer.trial(job.case, answer))
    return trials, None


def _score(layer: Layer, trial: Trial, layout: int) -> int:
    """Return how well a layout fits a case: forward, then no error, then the gradients.

    One sample at a time hides what goes wrong over a batch, so a layout with several is preferred
    wherever the code runs with it.
    """
    if not trial.results:
        return 0
    best = best_match(replace(layer.kind, slips=()), [trial], layer.chosen)
    truth = layer.kind.run(trial.case, NONE, best.conventions)
    score = 1 + 20 * (not trial.stopped) + 10 * layer.layouts[layout].batch
    for name in (name for name in trial.results if name in layer.kind.results):
        want, weight = expected(truth, name), 30 if part(name) == "forward" else 1
        score += weight * (want is not None and want.shape == trial.results[name].shape)
        score += weight * (name not in best.wrong)
    return score


def _mistakes(layer: Layer, trials: Sequence[Trial]) -> float:
    """Return the number of known mistakes needed to explain the results in this layout.

    The forward pass decides, if there is one: its shapes must be right in every case.
    """
    seen = [replace(trial, results=_main(trial), stopped="") for trial in trials]
    for trial in seen:
        truth = layer.kind.run(trial.case, NONE)
        shapes = {name: array.shape for name, array in trial.results.items() if name in truth}
        if not shapes or any(truth[name].shape != shape for name, shape in shapes.items()):
            return _NEVER
    best = best_match(layer.kind, seen, layer.chosen, 1)
    if best.right:
        return 0
    return len(best.sets[0]) if best.sets and len(best.explained) == len(best.wrong) else _NEVER


_NEVER = 99


def _main(trial: Trial) -> dict[str, Any]:
    """Return the results of the forward pass, or of the backward pass if there is no other."""
    forward = {name: a for name, a in trial.results.items() if part(name) == "forward"}
    return forward or trial.results
