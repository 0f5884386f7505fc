"""Compare the results with the truth, and with every mistake in the catalogue."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from clearconv.doctor.kinds import Arrays, Case, Kind
from clearconv.doctor.layout import Array
from clearconv.doctor.trouble import misfit

#: Largest error of a right result, relative to its largest number.
_TOLERANCE = {"float64": 1e-6, "float32": 2e-4, "float16": 2e-2}
_LOSS_TOLERANCE = 1e-4  # many add 1e-7 within the logarithm
_FORWARD = {"y", "loss", "cols", "x", "probabilities"}
_MOST_UNIONS = 20_000  # combined
_MOST_SETS = 400  # tried

Slips = frozenset[str]
NONE: Slips = frozenset()


@dataclass(frozen=True)
class Trial:
    """One case, and the code's results.

    Attributes
    ----------
    case : Case
        The case.
    results : dict
        The arrays that came out.
    stopped : str
        "forward" or "backward" if an error stopped it; else ``""``.
    error : str, optional
        Message of Python or NumPy: a mistake explains a stop only if it stops a program with that
        message; ``""`` is an end that no mistake explains: an assertion, an endless loop. None
        accepts any stop.
    """

    case: Case
    results: Arrays
    stopped: str = ""
    error: str | None = None


@dataclass(frozen=True)
class Match:
    """The mistakes that fit the results.

    Attributes
    ----------
    wrong : dict
        Result -> numbers of the trials in which it is wrong.
    sets : tuple of frozensets of str
        Every smallest set of mistakes that explains everything that is explained.
    explained : tuple of str
        The wrong results that these sets explain.
    conventions : dict
        Conventions under which they do.
    seen : dict
        Computed result -> numbers of the trials in which it was computed.
    complete : bool
        Whether everything that might fit was tried.
    """

    wrong: dict[str, list[int]]
    sets: tuple[Slips, ...] = ()
    explained: tuple[str, ...] = ()
    conventions: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, list[int]] = field(default_factory=dict)
    complete: bool = True

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def off(self, name: str) -> list[int]:
        """Return the trials in which a result was computed, and is wrong."""
        return [number for number in self.wrong.get(name, ()) if number in self.seen.get(name, ())]

    @property
    def reported(self) -> list[str]:
        """The wrong results; a second call is reported only if the first is right."""
        return [name for name in self.wrong if name.partition("@")[0] == name
                or name.partition("@")[0] not in self.wrong]  # fmt: skip

    @property
    def sure(self) -> Slips:
        """The mistakes that every fitting set has, if everything was tried."""
        return frozenset.intersection(*self.sets) if self.sets and self.complete else NONE

    @property
    def named(self) -> bool:
        """Whether exactly one set of mistakes fits."""
        return len(self.sets) == 1 and self.complete


class Predictions:
    """The results of a kind with mistakes made, each computed once.

    Parameters
    ----------
    kind : Kind
        The kind.
    trials : sequence of Trial
        Trials whose cases are predicted.
    conventions : mapping
        Chosen values.
    """

    def __init__(self, kind: Kind, trials: Sequence[Trial], conventions: Mapping[str, str]) -> None:
        self.kind, self.trials, self.conventions = kind, trials, conventions
        self._known: dict[tuple[Slips, int], Arrays] = {}
        self._errors = {slip.key: slip.error for slip in kind.slips}

    @staticmethod
    def _stops(errors: Mapping[str, str], trial: Trial) -> bool:
        """Whether one of these mistakes may stop a program in this way."""
        if trial.error is None:
            return True
        return any(
            re.search(error, trial.error) if error else misfit(trial.error)
            for error in errors.values()
        )

    def of(self, slips: Slips, number: int) -> Arrays:
        """Return the results of a trial's case with these mistakes made."""
        key = slips, number
        if key not in self._known:
            with np.errstate(all="ignore"):
                case = self.trials[number].case
                self._known[key] = self.kind.run(case, slips, self.conventions)
        return self._known[key]

    def fits(self, slips: Slips, name: str) -> bool:
        """Whether these mistakes give the result in every trial."""
        return all(self.fits_in(slips, name, number) for number in range(len(self.trials)))

    def fits_in(self, slips: Slips, name: str, number: int) -> bool:
        """Whether these mistakes give the result in one trial."""
        trial, predicted = self.trials[number], self.of(slips, number)
        wanted = expected(predicted, name)
        if trial.stopped and name not in trial.results:
            if trial.stopped == "backward" and part(name) == "forward":
                return True
            if not self._stops(self._errors, trial):
                return True  # no mistake stops a program like that
            if slips and not self._stops({key: self._errors[key] for key in slips}, trial):
                return False
            parts = {"forward": _FORWARD, "backward": set(self.kind.results) - _FORWARD}
            missing = [one for one in parts[trial.stopped] & set(self.kind.results)
                       if one not in predicted]  # fmt: skip
            return bool(missing)
        got = trial.results.get(name)
        if got is None:
            return True  # the code has no such result
        truth = expected(self.of(NONE, number), name)
        if wanted is None:  # a gradient in evaluation does not matter
            return truth is None
        return same(got, wanted, name, truth)

    def wrong(self, slips: Slips = NONE) -> dict[str, list[int]]:
        """Return the results that differ from these predictions, and in which trials."""
        found: dict[str, list[int]] = {}
        for name in self.names():
            where = [n for n in range(len(self.trials)) if not self.fits_in(slips, name, n)]
            if where:
                found[name] = where
        return found

    def seen(self) -> dict[str, list[int]]:
        """Return the trials in which each result was computed."""
        found: dict[str, list[int]] = {}
        for number, trial in enumerate(self.trials):
            for name in trial.results:
                if expected(self.of(NONE, number), name) is not None:
                    found.setdefault(name, []).append(number)
        return found

    def names(self) -> list[str]:
        """Return the results that the code gives in any trial, or failed to give."""
        names = {name: None for trial in self.trials for name in trial.results}
        for trial in self.trials:
            if trial.stopped and not names:
                names |= dict.fromkeys(self.kind.results)
        return [name for name in names if name.partition("@")[0] in self.kind.results]


def match(
    kind: Kind, trials: Sequence[Trial], conventions: Mapping[str, str], most: int = 2
) -> Match:
    """Find the smallest sets of mistakes that explain the results.

    Parameters
    ----------
    kind : Kind
        Kind of layer that the code should compute.
    trials : sequence of Trial
        Runs with what it computed.
    conventions : mapping
        Chosen values, by convention.
    most : int
        Largest number of mistakes tried together for one result.

    Returns
    -------
    Match
        Match without sets if nothing is wrong, or nothing fits.
    """
    predictions = Predictions(kind, trials, conventions)
    wrong = predictions.wrong()
    found = Match(wrong, conventions=conventions, seen=predictions.seen())
    if not wrong:
        return found
    shown = [name for name in wrong if any(name in trials[at].results for at in wrong[name])]
    if not shown:  # an error alone proves nothing, unless its message shows the mistake
        return _fitting(_telling(kind), predictions, found, list(wrong), 1)
    best = _fitting(kind, predictions, found, shown, most)
    if len(best.explained) == len(wrong) or len(shown) == len(wrong):
        return best
    ends = [replace(trial, error="") if trial.stopped else trial for trial in trials]
    apart = _fitting(kind, Predictions(kind, ends, conventions), found, shown, most)
    return apart if len(apart.explained) > len(best.explained) else best


def _telling(kind: Kind) -> Kind:
    """Return the kind with only those mistakes that an error message reveals."""
    return replace(kind, slips=tuple(slip for slip in kind.slips if slip.error))


def _fitting(
    kind: Kind, predictions: Predictions, found: Match, shown: Sequence[str], most: int
) -> Match:
    """Explain wrong results; the sets must also fit everything that is explained."""
    options = {name: _explanations(kind, predictions, name, most) for name in shown}
    explained = [name for name in shown if options[name]]
    if not explained:
        return found
    judged = [name for name in predictions.names() if name not in shown or options[name]]
    unions, complete = _unions([options[name] for name in explained])
    sets: list[Slips] = []
    for number, union in enumerate(unions):
        if sets and len(union) > len(sets[0]):
            break
        if number == _MOST_SETS:
            complete = False
            break
        if all(predictions.fits(union, name) for name in judged):
            sets.append(union)
    if not sets:
        return found
    rest = [name for name in found.wrong if name not in shown and predictions.fits(sets[0], name)]
    if not any(trial.error != "" for trial in predictions.trials if trial.stopped):
        rest = []
    return replace(found, sets=tuple(sets), explained=(*explained, *rest), complete=complete)


def _explanations(kind: Kind, predictions: Predictions, name: str, most: int) -> list[Slips]:
    """Return the single mistakes that explain one result, or else the pairs."""
    result = name.partition("@")[0]
    keys = [slip.key for slip in kind.slips if result in slip.spoils or name in slip.spoils]
    keys += [slip.key for slip in kind.slips if slip.key not in keys]
    singles = [frozenset([key]) for key in keys]
    found = [one for one in singles if predictions.fits(one, name)]
    if found or most == 1:
        return found
    touching = [key for key in keys if not _same_as_truth(predictions, frozenset([key]), name)]
    return [
        frozenset(pair)
        for pair in combinations(touching, 2)
        if predictions.fits(frozenset(pair), name)
    ]


def _same_as_truth(predictions: Predictions, slips: Slips, name: str) -> bool:
    """Whether a mistake leaves a result unchanged in every trial."""
    for number in range(len(predictions.trials)):
        got = expected(predictions.of(slips, number), name)
        truth = expected(predictions.of(NONE, number), name)
        if got is None or truth is None or not same(got, truth, name, truth):
            return False
    return True


def _unions(options: Sequence[Sequence[Slips]]) -> tuple[list[Slips], bool]:
    """Combine one explanation of each result, in every way; the smallest sets first.

    Also return whether these are all.
    """
    unions, complete = {NONE}, True
    for choices in sorted(options, key=len):
        unions = {union | choice for union in unions for choice in choices}
        if len(unions) > _MOST_UNIONS:
            complete = False
            unions = set(_ordered(unions)[:_MOST_SETS])
    return _ordered(unions), complete


def _ordered(unions: Iterable[Slips]) -> list[Slips]:
    return sorted(unions, key=lambda union: (len(union), sorted(union)))


def expected(results: Arrays, name: str) -> Array | None:
    """Return a prediction; a second call gives the same as the first unless it has its own."""
    return results.get(name, results.get(name.partition("@")[0]))


def part(name: str) -> str:
    """Return which pass gives a result."""
    return "forward" if name.partition("@")[0] in _FORWARD else "backward"


def same(got: Array, wanted: Array, name: str, truth: Array | None = None) -> bool:
    """Whether two arrays are equal up to rounding.

    Parameters
    ----------
    got, wanted : ndarray
        A computed result, and a prediction.
    name : str
        Name of the result; a bias's gradient may have extra axes of length 1.
    truth : ndarray, optional
        Gives the scale of the numbers, if those of the prediction may all be 0.
    """
    if got.shape != wanted.shape:
        slim = got.size == wanted.size and got.ndim > 0 and wanted.ndim > 0
        if not slim or max(got.shape) != got.size or max(wanted.shape) != wanted.size:
            return got.size == wanted.size == 1 and same(got.ravel(), wanted.ravel(), name, truth)
        got, wanted = got.ravel(), wanted.ravel()
    if got.size == 0:
        return True
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(got)):
        return False
    sizes = [np.abs(a[np.isfinite(a)]).max(initial=0) for a in (wanted, truth) if a is not None]
    near = _TOLERANCE.get(str(got.dtype), 1e-9)
    near = max(near, _LOSS_TOLERANCE) if name.startswith("loss") else near
    off = np.abs(got[finite].astype(np.float64) - wanted[finite]).max(initial=0)
    return bool(off <= near * max(sizes, default=0.0) + 1e-12)
