"""Examine one layer: run it, compare, and say what fits."""

from collections.abc import Mapping, Sequence

from clearconv.doctor.constants import built_in, with_options
from clearconv.doctor.conventions import best_match
from clearconv.doctor.counter import smallest
from clearconv.doctor.describe import common, describe
from clearconv.doctor.find import Found
from clearconv.doctor.kinds import Limits
from clearconv.doctor.layer import Layer, SortedTrials, Trouble
from clearconv.doctor.limits import limits_of
from clearconv.doctor.matching import Predictions, Trial
from clearconv.doctor.narrower import narrowed
from clearconv.doctor.probe import probe
from clearconv.doctor.quote import quote
from clearconv.doctor.sandbox import Patient
from clearconv.doctor.trouble import sentence, with_text
from clearconv.doctor.verdict import Verdict

_ENDS = ("Timeout", "Ended")


def visit(
    patient: Patient, source: str, number: int, found: Found, chosen: Mapping[str, str]
) -> Verdict:
    """Find the layout, run all cases, compare.

    Parameters
    ----------
    patient : Patient
        The learner's file.
    source : str
        Its text.
    number : int
        Number of the layer among those found in it.
    found : Found
        The layer.
    chosen : mapping
        Conventions set by the user.
    """
    layer = Layer(patient, number, found, chosen)
    remarks: list[str] = []
    layout, hopeless = probe(layer, source, remarks)
    verdict = Verdict(found, layer.layouts[layout], Limits(), remarks=remarks)
    limits = verdict.limits = limits_of(found, verdict.layout)
    if hopeless is not None:
        verdict.stopped = sentence(with_text(hopeless, source))
        return verdict
    tried = layer.tried(layer.cases(limits, layout), layout)
    trials, limits = _within(layer, layout, tried, verdict, source)
    verdict.cases = [trial.case.name for trial in trials]
    verdict.remarks += [_changes(name) for name in tried.changed]
    if tried.order:
        verdict.remarks.append(f"it returns {', '.join(tried.order)}, in this order")
    verdict.built_in = built_in(layer.kind, trials)
    trials = with_options(trials, verdict.built_in)
    verdict.remarks += [f"{name} is built in: {n:g}" for name, n in verdict.built_in.items()]
    match = best_match(layer.kind, trials, layer.chosen)
    if not match.sets and not any(trial.results for trial in trials):
        verdict.stopped = verdict.stopped or "it gave no result"
        return verdict
    verdict.match = match
    if not match.right:
        _explain(layer, layout, limits, verdict, trials, source)
    return verdict


def _within(
    layer: Layer, layout: int, tried: SortedTrials, verdict: Verdict, source: str
) -> tuple[list[Trial], Limits]:
    """Return what is judged, and the limits within which the layer runs; report both.

    What the code refuses is a limit, and what stops it is reported; in either case it is run again
    within limits in which it finishes, so that nothing else stays hidden.
    """
    limits = verdict.limits
    if tried.smooth:
        return tried.trials, limits
    explained = not tried.stops
    if tried.stops:
        match = best_match(layer.kind, tried.trials, layer.chosen)
        explained = bool(match.sets) and len(match.explained) == len(match.wrong)
        explained = explained and all(t.error != "" for t in tried.trials if t.stopped)
        stopped = [n for n, trial in enumerate(tried.trials) if trial.stopped]
        where = common([trial.case for trial in tried.trials], stopped) or "in every case"
        verdict.stops = [tried.trials[n].case.name for n in stopped]
        verdict.stopped = f"{where}: {sentence(with_text(tried.stops[0], source))}"
    if tried.unwritten:
        part = "its backward pass" if any(t.results for t in tried.refused) else "it"
        said = sentence(with_text(tried.refusals[0], source))
        verdict.stopped = f"{part} is not written yet: {said}"
        return tried.trials + _shown(tried.refused), limits
    if (explained and not tried.refused) or any(t["type"] in _ENDS for t in tried.stops):
        return tried.trials, limits

    def bad(other: SortedTrials) -> bool:
        return bool(other.refused or (other.stops and not explained))

    within = narrowed(layer, layout, limits, bad)
    if within is not None:
        limits, words = within
        again = layer.tried(layer.cases(limits, layout), layout)
        good = [trial for trial in tried.trials if explained or not trial.stopped]
        _limit(verdict, tried.refusals, words, source)
        return good + _others(again.trials, good), limits
    if tried.refused:
        said = sentence(with_text(tried.refusals[0], source))
        some = f"it refuses {len(tried.refused)} of {len(tried.refused) + len(tried.trials)} cases"
        if tried.trials and not tried.no_way_back:
            verdict.remarks.append(f"{some}, which were left out: {said}")
        else:
            what = "its backward pass" if tried.trials else "it"
            verdict.stopped = verdict.stopped or f"{what} refuses every case: {said}"
    return tried.trials or _shown(tried.refused), limits


def _limit(
    verdict: Verdict, refusals: Sequence[Trouble], words: Sequence[str], source: str
) -> None:
    """Add a remark on the limits within which it was examined."""
    listed = ", ".join(words[:-1]) + (" and " if words[1:] else "") + "".join(words[-1:])
    if refusals:
        said = sentence(with_text(refusals[0], source))
        verdict.remarks.append(f"it takes only {listed}, and was examined with those: {said}")
    else:
        verdict.remarks.append(f"it runs with {listed}, and was examined further with those")


def _shown(refused: Sequence[Trial]) -> list[Trial]:
    """Return what came out before the code refused."""
    return [Trial(t.case, t.results, t.stopped, "") for t in refused if t.results]


def _others(trials: Sequence[Trial], known: Sequence[Trial]) -> list[Trial]:
    """Return the trials whose sizes and options are new."""
    seen = [_sizes(trial) for trial in known]
    return [trial for trial in trials if _sizes(trial) not in seen]


def _sizes(trial: Trial) -> tuple[object, ...]:
    shapes = {name: array.shape for name, array in trial.case.arrays.items()}
    return shapes, trial.case.options


def _changes(name: str) -> str:
    return (
        f"it changes its input {name} in place, and whatever uses {name} next gets other numbers; "
        f"work on {name}.copy()"
    )


def _explain(
    layer: Layer,
    layout: int,
    limits: Limits,
    verdict: Verdict,
    trials: Sequence[Trial],
    source: str,
) -> None:
    """Describe where the errors are, find a counter-example, quote."""
    match = verdict.match
    assert match is not None
    predictions = Predictions(layer.kind, trials, match.conventions)
    for name in match.reported:
        said = describe(predictions, name) if name not in match.explained else []
        if said:
            verdict.places[name] = said
    small = layer.tried(layer.cases(limits, layout, small=True), layout)
    whole = [trial for trial in small.trials if not trial.stopped]
    whole = with_options(whole, verdict.built_in)
    verdict.counters = smallest(layer.kind, whole, match.conventions, match.reported)
    slips = {slip.key: slip for slip in layer.kind.slips}
    for key in sorted({key for slips_ in match.sets for key in slips_}):
        result = next((n for n in match.wrong if n in slips[key].spoils), "")
        line = quote(source, layer.found, slips[key], result)
        if line is not None:
            verdict.quotes[key] = line
    for name in verdict.places:
        line = quote(source, layer.found, None, name)
        if line is not None:
            verdict.quotes[name] = line
