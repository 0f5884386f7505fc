"""How the arrays lie in a learner's code, found out by trying."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from clearconv.doctor.conventions import best_match
from clearconv.doctor.layer import Layer
from clearconv.doctor.limits import limits_of
from clearconv.doctor.match import NONE, Trial, expected, part
from clearconv.doctor.narrower import narrowest
from clearconv.doctor.sandbox import Job

_PROBES = 3
_ENDS = ("Timeout", "Ended")


def probe(layer: Layer) -> tuple[int, dict[str, Any] | None]:
    """Find the layout that explains most.

    Parameters
    ----------
    layer : Layer
        The layer.

    Returns
    -------
    layout : int
        Which of the kind's.
    hopeless : dict or None
        What ends the program before it gives anything.
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
    if _mistakes(layer, trials[ranked[0]]) == 0:
        return ranked[0], None
    return min(ranked, key=lambda at: _mistakes(layer, trials[at])), None


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
    """Say how well a layout fits a case: forward, then no error, then the gradients.

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
    """Return how many known mistakes it takes to get what came out, if it is so understood.

    The forward pass decides, where there is one: its shapes must be right in every case.
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
    """Return what came out of the forward pass, or of the way back where that is all there is."""
    forward = {name: a for name, a in trial.results.items() if part(name) == "forward"}
    return forward or trial.results
