"""Examine a learner's file: find its layers, run each, compare, and say what fits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clearconv.doctor.constants import with_constants
from clearconv.doctor.conventions import best_match
from clearconv.doctor.counter import Counter, smallest
from clearconv.doctor.describe import common, describe
from clearconv.doctor.find import Found, find
from clearconv.doctor.kinds import KINDS, Case, Kind, Limits, Slip
from clearconv.doctor.layout import LAYOUTS, Layout
from clearconv.doctor.limits import limits_of, slimmed
from clearconv.doctor.match import NONE, Match, Predictions, Trial, expected, part
from clearconv.doctor.named import Named
from clearconv.doctor.overlooked import overlooked
from clearconv.doctor.quote import Quote, quote
from clearconv.doctor.sandbox import Answer, Confines, Job, Patient, run
from clearconv.doctor.trouble import refuses, sentence, syntax
from clearconv.errors import ArgumentError

_PROBES = 3
_RESTARTS = 2
_ENDS = ("Timeout", "Ended")


@dataclass
class Verdict:
    """What was found out about one layer.

    Attributes
    ----------
    found : Found
        The layer.
    layout : Layout
        How its arrays lie.
    limits : Limits
        Within which it was tried.
    cases : list of str
        The names of the cases.
    match : Match, optional
        What fits; None where it could not be run.
    stopped : str
        Why it could not be run, or stopped in some case; ``""`` else.
    stops : list of int
        The numbers of the cases in which an error stopped it.
    places : dict
        Wrong result that nothing explains -> where its errors lie.
    counters : list of Counter
        The smallest cases that show what is wrong.
    quotes : dict
        Key of a mistake, or name of a result -> the learner's line.
    remarks : list of str
        What else was seen.
    """

    found: Found
    layout: Layout
    limits: Limits
    cases: list[str] = field(default_factory=list)
    match: Match | None = None
    stopped: str = ""
    stops: list[int] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)
    counters: list[Counter] = field(default_factory=list)
    quotes: dict[str, Quote] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether all that was examined is right."""
        return self.match is not None and self.match.right and not self.stopped


@dataclass
class Examination:
    """What was found out about a file.

    Attributes
    ----------
    path : Path
        The file.
    verdicts : list of Verdict
        One a layer.
    notes : list of str
        About the file as a whole.
    unreadable : str
        Why nothing could be examined; ``""`` else.
    """

    path: Path
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreadable: str = ""

    @property
    def right(self) -> bool:
        """Whether something was examined, and all of it is right."""
        return bool(self.verdicts) and all(verdict.right for verdict in self.verdicts)


def examine(
    path: str | Path,
    *,
    functions: Sequence[Named] = (),
    only: Sequence[str] = (),
    conventions: Mapping[str, str] | None = None,
    confines: Confines | None = None,
) -> Examination:
    """Run a learner's layers on cases where mistakes cannot hide, and name what is wrong.

    Parameters
    ----------
    path : str or Path
        A Python file.
    functions : sequence of Named
        Functions to examine; empty to look for layers by names and arguments.
    only : sequence of str
        Kinds, classes or functions to examine; empty for all that are found.
    conventions : mapping, optional
        Conventions by key, where they shall not be inferred.
    confines : Confines, optional
        Time and memory.

    Returns
    -------
    Examination

    Raises
    ------
    ArgumentError
        If `only` or `functions` name nothing that is there.
    """
    path = Path(path).resolve()
    examination = Examination(path)
    source = path.read_text("utf-8-sig", "replace")
    if path.suffix == ".ipynb":
        examination.unreadable = (
            "it is a notebook; write its code to a Python file first: "
            f"jupyter nbconvert --to script '{path.name}'"
        )
        return examination
    try:
        found = [one for one in find(source, functions) if one.kind in KINDS]
    except (SyntaxError, ValueError, RecursionError) as error:
        said = syntax(error) if isinstance(error, SyntaxError) else str(error)
        examination.unreadable = f"it is no Python 3: {said}"
        return examination
    _check_named(source, functions, found)
    wanted = [(i, one) for i, one in enumerate(find(source, functions)) if one in found]
    wanted = [(i, one) for i, one in wanted if not only or _is_wanted(one, only)]
    if only and not wanted:
        there = ", ".join(dict.fromkeys(one.name for one in found)) or "nothing"
        raise ArgumentError(f"--only {', '.join(only)} is not in {path.name}. It has: {there}.")
    if not (only or functions):
        examination.notes += overlooked(source, found)
    if not wanted:
        return examination
    patient = Patient(path, tuple(functions), False, confines or Confines())
    patient = _loaded(patient, examination, source)
    if not examination.unreadable:
        for number, one in wanted:
            doctor = _Doctor(patient, source, number, one, conventions or {})
            examination.verdicts.append(doctor.verdict())
    return examination


def _check_named(source: str, functions: Sequence[Named], found: Sequence[Found]) -> None:
    there = {call.name for one in found for call in one.calls.values()}
    for one in functions:
        if one.function not in there:
            raise ArgumentError(
                f"--function {one.kind}.{one.part}={one.function}: the file defines no function "
                f"{one.function} at its top level."
            )


def _is_wanted(found: Found, only: Sequence[str]) -> bool:
    names = {found.kind, found.name, *(call.name for call in found.calls.values())}
    return bool(names & set(only))


def _loaded(patient: Patient, examination: Examination, source: str) -> Patient:
    """Load the file; where that fails, try its definitions alone."""
    loading, _ = run(patient, None, [])
    if loading.trouble is None:
        return patient
    said = sentence(_with_text(loading.trouble, source), loading=True)
    patient = replace(patient, definitions=True)
    again, _ = run(patient, None, [])
    if again.trouble is not None:
        examination.unreadable = f"it cannot be loaded: {said}"
        return patient
    note = f"The file does not load: {said}. Only its imports, functions and classes were loaded"
    if "Error" not in loading.trouble["type"] or loading.trouble["type"] == "EOFError":
        note += "; put what shall run under if __name__ == '__main__':"
    examination.notes.append(note)
    return patient


def _with_text(trouble: dict[str, Any], source: str) -> dict[str, Any]:
    """Add the learner's line where only its number is known."""
    lines = source.splitlines()
    if trouble.get("line") and not trouble.get("text") and trouble["line"] <= len(lines):
        return {**trouble, "text": lines[trouble["line"] - 1].strip()}
    return trouble


class _Doctor:
    """Examines one layer."""

    def __init__(
        self, patient: Patient, source: str, number: int, found: Found, chosen: Mapping[str, str]
    ) -> None:
        self.patient, self.source, self.number, self.found = patient, source, number, found
        self.kind: Kind = KINDS[found.kind]
        keys = {one.key for one in self.kind.conventions}
        self.chosen = {key: value for key, value in chosen.items() if key in keys}
        stateful = found.family in ("class", "article") or found.kind == "dropout"
        self.calls = 2 if stateful else 1

    def verdict(self) -> Verdict:
        """Find the layout, run all cases, compare."""
        layout, hopeless = self._layout()
        verdict = Verdict(self.found, LAYOUTS[self.found.kind][layout], Limits())
        verdict.limits = limits_of(self.found, verdict.layout)
        if hopeless is not None:
            verdict.stopped = sentence(_with_text(hopeless, self.source))
            return verdict
        cases = self._cases(verdict, self.kind.cases(verdict.limits))
        trials = self._trials(verdict, self._run(cases, layout), cases)
        verdict.cases = [trial.case.name for trial in trials]
        trials = with_constants(self.kind, trials, verdict.remarks)
        self.kind = replace(self.kind, slips=self._possible(verdict, trials))
        if not trials or not (self.kind.slips or any(trial.results for trial in trials)):
            verdict.stopped = verdict.stopped or "it gave no result"
            return verdict
        verdict.match = best_match(self.kind, trials, self.chosen)
        if not verdict.match.right:
            self._explain(verdict, trials, layout)
        return verdict

    def _possible(self, verdict: Verdict, trials: Sequence[Trial]) -> tuple[Slip, ...]:
        """Leave out mistakes that stop the code with another error than was seen."""
        slips = self.kind.slips
        if not any(trial.results for trial in trials):
            slips = tuple(slip for slip in slips if slip.error)
        return tuple(s for s in slips if not s.error or re.search(s.error, verdict.stopped))

    def _cases(self, verdict: Verdict, cases: Sequence[Case]) -> list[Case]:
        return [slimmed(case, verdict.layout) for case in cases]

    def _layout(self) -> tuple[int, dict[str, Any] | None]:
        """Find out how the arrays lie, by trying; also return what lets nothing be tried."""
        layouts = LAYOUTS[self.found.kind]
        jobs, places = [], []
        for number, layout in enumerate(layouts):
            if layout.alone and self.found.family == "functions":
                continue
            limits = limits_of(self.found, layout)
            for case in self.kind.cases(limits)[:_PROBES]:
                jobs.append(Job(slimmed(case, layout), number))
                places.append(number)
        scores = [0] * len(layouts)
        answers = self._answers(jobs)
        ends = [a.trouble for a in answers if a.trouble and a.trouble["type"] in _ENDS]
        if ends and not any(answer.results for answer in answers):
            return 0, ends[0]
        for number, job, answer in zip(places, jobs, answers, strict=True):
            scores[number] += self._score(job.case, answer, layouts[number])
        return max(range(len(layouts)), key=lambda number: scores[number]), None

    def _score(self, case: Case, answer: Answer, layout: Layout) -> int:
        """Say how well a layout fits a case: forward, then no error, then the gradients.

        One sample at a time hides what goes wrong over a batch, so a layout with several is
        preferred wherever the code runs with it.
        """
        if not answer.results:
            return 0
        trial = Trial(self._drawn(case, answer), answer.results)
        best = best_match(replace(self.kind, slips=()), [trial], self.chosen)
        truth = self.kind.run(trial.case, NONE, best.conventions)
        score = 1 + 20 * (answer.trouble is None) + 10 * layout.batch
        for name in (name for name in answer.results if name in self.kind.results):
            want, weight = expected(truth, name), 30 if part(name) == "forward" else 1
            score += weight * (want is not None and want.shape == answer.results[name].shape)
            score += weight * (name not in best.wrong)
        return score

    def _run(self, cases: Sequence[Case], layout: int) -> list[Answer]:
        return self._answers([Job(case, layout, self.calls) for case in cases])

    def _answers(self, jobs: Sequence[Job]) -> list[Answer]:
        """Run the jobs; go on behind one that hangs or crashes, a few times."""
        loading, answers = run(self.patient, self.number, jobs)
        if loading.trouble is not None:
            return [replace(answer, trouble=loading.trouble) for answer in answers]
        for _ in range(_RESTARTS):
            left = [n for n, answer in enumerate(answers) if answer.part == "waiting"]
            if not left or not any(answer.results for answer in answers):
                break
            _, rest = run(self.patient, self.number, [jobs[n] for n in left])
            for n, answer in zip(left, rest, strict=True):
                answers[n] = answer
        return answers

    def _trials(
        self, verdict: Verdict, answers: Sequence[Answer], cases: Sequence[Case]
    ) -> list[Trial]:
        """Pair cases with answers; what the code refuses is a limit, what stops it is told."""
        trials, stops, refused = [], [], []
        for case, answer in zip(cases, answers, strict=True):
            if answer.part == "waiting":
                continue
            if answer.trouble and refuses(answer.trouble, answer.part):
                refused.append((case, answer.trouble))
                continue
            stopped = ""
            if answer.trouble:
                stops.append((case, answer.trouble))
                early = ("construction", "forward", "running", "loading")
                stopped = "forward" if answer.part in early else "backward"
            trials.append(Trial(self._drawn(case, answer), answer.results, stopped))
            for name in answer.changed:
                remark = (
                    f"it changes its input {name} in place, and whoever uses {name} next gets "
                    f"other numbers; work on {name}.copy()"
                )
                if remark not in verdict.remarks:
                    verdict.remarks.append(remark)
        if refused:
            _, trouble = refused[0]
            of = f"{len(refused)} of {len(cases)} cases"
            verdict.remarks.append(f"it refuses {of}, which were left out: {sentence(trouble)}")
            if not trials:
                verdict.stopped = f"it refuses every case: {sentence(trouble)}"
        if stops:
            _, trouble = stops[0]
            tried = [trial.case for trial in trials]
            verdict.stops = [n for n, trial in enumerate(trials) if trial.stopped]
            where = common(tried, verdict.stops) or "in every case"
            verdict.stopped = f"{where}: {sentence(_with_text(trouble, self.source))}"
        return trials

    def _drawn(self, case: Case, answer: Answer) -> Case:
        """Let the case hold what the code drew at random."""
        if self.kind.read_draws is None or not answer.results:
            return case
        return self.kind.read_draws(case, answer.results)

    def _explain(self, verdict: Verdict, trials: Sequence[Trial], layout: int) -> None:
        """Say where the errors lie, find a counter-example, quote."""
        match = verdict.match
        assert match is not None
        predictions = Predictions(self.kind, trials, match.conventions)
        for name in match.told:
            said = describe(predictions, name) if name not in match.explained else []
            if said:
                verdict.places[name] = said
        small = self._cases(verdict, self.kind.small_cases(verdict.limits))
        answers = self._run(small, layout)
        tried = [
            Trial(self._drawn(case, answer), answer.results)
            for case, answer in zip(small, answers, strict=True)
            if answer.trouble is None
        ]
        verdict.counters = smallest(self.kind, tried, match.conventions, match.told)
        slips = {slip.key: slip for slip in self.kind.slips}
        for key in sorted({key for slips_ in match.sets for key in slips_}):
            result = next((n for n in match.wrong if n in slips[key].spoils), "")
            line = quote(self.source, self.found, slips[key], result)
            if line is not None:
                verdict.quotes[key] = line
        for name in verdict.places:
            line = quote(self.source, self.found, None, name)
            if line is not None:
                verdict.quotes[name] = line
