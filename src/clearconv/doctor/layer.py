"""One of the learner's layers, run on cases: its results, what stopped it, what it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clearconv.doctor.answers import Answer
from clearconv.doctor.find import Found
from clearconv.doctor.kinds import KINDS, Case, Kind, Limits
from clearconv.doctor.layout import LAYOUTS
from clearconv.doctor.limits import slimmed
from clearconv.doctor.matching import Trial, part
from clearconv.doctor.sandbox import Job, Patient, run
from clearconv.doctor.trouble import ended, refuses

_RESTARTS = 2
_BEFORE = ("construction", "forward", "running", "loading")

Trouble = dict[str, Any]


@dataclass
class SortedTrials:
    """The outcome of a layer's cases.

    Attributes
    ----------
    trials : list of Trial
        Runs of the cases that the code accepts, stopped or not.
    refused : list of Trial
        Runs that the code itself refuses, with what came out before.
    stops, refusals : list of dict
        Errors of the trials that were stopped, and of the cases that were refused.
    changed : list of str
        Inputs that the code changed in place.
    order : list of str
        Gradients in the order returned, if it is not the usual one.
    """

    trials: list[Trial] = field(default_factory=list)
    refused: list[Trial] = field(default_factory=list)
    stops: list[Trouble] = field(default_factory=list)
    refusals: list[Trouble] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def smooth(self) -> bool:
        """Whether every case ran to its end."""
        return not self.stops and not self.refused

    @property
    def unwritten(self) -> bool:
        """Whether a pass ended with NotImplementedError in each case that has it."""
        kinds = {trouble["type"] for trouble in self.refusals}
        return kinds == {"NotImplementedError"} and (not self.trials or self.no_way_back)

    @property
    def no_way_back(self) -> bool:
        """Whether the backward pass refused, and did not finish in any case."""
        names = {name for trial in self.trials for name in trial.results}
        return all(trial.stopped == "backward" for trial in self.refused) and not any(
            part(name) == "backward" for name in names
        )


class Layer:
    """Runs one layer.

    Parameters
    ----------
    patient : Patient
        The learner's file.
    number : int
        Number of the layer among those found in it.
    found : Found
        The layer.
    chosen : mapping
        Conventions set by the user.
    """

    def __init__(
        self, patient: Patient, number: int, found: Found, chosen: Mapping[str, str]
    ) -> None:
        self.patient, self.number, self.found = patient, number, found
        self.kind: Kind = KINDS[found.kind]
        self.layouts = LAYOUTS[found.kind]
        keys = {one.key for one in self.kind.conventions}
        self.chosen = {key: value for key, value in chosen.items() if key in keys}
        stateful = found.family in ("class", "article") or found.kind == "dropout"
        self.calls = 2 if stateful else 1

    def cases(self, limits: Limits, layout: int, small: bool = False) -> list[Case]:
        """Return the kind's cases within limits, if the layout has axes for them."""
        made = self.kind.small_cases(limits) if small else self.kind.cases(limits)
        return [slimmed(case, self.layouts[layout]) for case in made]

    def answers(self, jobs: Sequence[Job]) -> list[Answer]:
        """Run the jobs; continue after one that hangs or crashes, a few times."""
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

    def trial(self, case: Case, answer: Answer) -> Trial:
        """Pair a case, including the code's random draws, with its results."""
        if self.kind.read_draws is not None and answer.results:
            case = self.kind.read_draws(case, answer.results)
        if not answer.trouble:
            return Trial(case, answer.results)
        stopped = "forward" if answer.part in _BEFORE else "backward"
        return Trial(case, answer.results, stopped, ended(answer.trouble))

    def tried(self, cases: Sequence[Case], layout: int) -> SortedTrials:
        """Run cases, and distinguish what the code refuses from what stops it."""
        answers = self.answers([Job(case, layout, self.calls) for case in cases])
        return self.sorted(cases, answers)

    def sorted(self, cases: Sequence[Case], answers: Sequence[Answer]) -> SortedTrials:
        """Distinguish what the code refuses from what stops it."""
        tried = SortedTrials()
        for case, answer in zip(cases, answers, strict=True):
            if answer.part == "waiting":
                continue
            trial = self.trial(case, answer)
            if answer.trouble and refuses(answer.trouble, answer.part):
                tried.refused.append(trial)
                tried.refusals.append(answer.trouble)
                continue
            tried.trials.append(trial)
            tried.order = tried.order or answer.order
            tried.stops += [answer.trouble] if answer.trouble else []
            tried.changed += [name for name in answer.changed if name not in tried.changed]
        return tried
