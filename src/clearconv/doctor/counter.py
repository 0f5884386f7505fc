"""The smallest case that shows a mistake, with whole numbers, to be checked by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearconv.doctor.kinds import Case, Kind
from clearconv.doctor.layout import Array
from clearconv.doctor.matching import NONE, Predictions, Trial, expected


@dataclass(frozen=True)
class Counter:
    """A counter-example.

    Attributes
    ----------
    case : Case
        Case with the inputs.
    name : str
        The wrong result.
    got, want : ndarray
        What the code computed, and what is right.
    """

    case: Case
    name: str
    got: Array
    want: Array


def smallest(
    kind: Kind, trials: Sequence[Trial], conventions: Mapping[str, str], names: Sequence[str]
) -> list[Counter]:
    """Return, for each wrong result, the smallest trial that shows it.

    Parameters
    ----------
    kind : Kind
        Kind of layer that the code should compute.
    trials : sequence of Trial
        Small cases that were run.
    conventions : mapping
        Conventions that hold.
    names : sequence of str
        The results that are known to be wrong.
    """
    predictions = Predictions(kind, trials, conventions)
    found = []
    for name in names:
        showing = [
            (_size(trial.case, got), number, Counter(trial.case, name, got, want))
            for number, trial in enumerate(trials)
            if (got := trial.results.get(name)) is not None
            and (want := expected(predictions.of(NONE, number), name)) is not None
            and not predictions.fits_in(NONE, name, number)
        ]
        if showing:
            found.append(min(showing, key=lambda one: one[:2])[2])
    return found


def _size(case: Case, got: Array) -> int:
    """Count the numbers that a person has to look at."""
    return int(sum(array.size for array in case.arrays.values())) + int(got.size)
