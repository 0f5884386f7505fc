"""Which conventions a learner's code follows: a choice is not a mistake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from clearconv.doctor.kinds import Kind
from clearconv.doctor.matching import NONE, Match, Predictions, Trial, expected, match, same

_TIES = 8  # choices that fit equally well, and are examined
_MOST = 3  # choices that fit less well, for which two mistakes of one result are tried


def best_match(
    kind: Kind, trials: Sequence[Trial], chosen: Mapping[str, str], most: int = 2
) -> Match:
    """Infer the conventions, and match the results under them.

    Parameters
    ----------
    kind : Kind
        Kind of layer that the code should compute.
    trials : sequence of Trial
        Runs with what it computed.
    chosen : mapping
        Conventions that the user has set.
    most : int
        Largest number of mistakes tried together for one result.

    Returns
    -------
    Match
        Match under the choice with which most is right. If several choices do equally well,
        ``sets`` has what fits under any of them, so that no ambiguous mistake is claimed.
    """
    scored: dict[int, list[dict[str, str]]] = {}
    for one in _choices(kind, trials, chosen):
        scored.setdefault(_score(kind, trials, one), []).append(one)
    top, *rest = (scored[score] for score in sorted(scored, reverse=True))
    first = [match(kind, trials, one, most) for one in top[:_TIES]]
    right = next((one for one in first if one.right), None)
    if right is not None:
        return right
    fitting = _whole(first)
    complete = True
    if fitting:  # choices that do as well, but to save time with one mistake for each result
        fitting += _whole([match(kind, trials, one, 1) for one in top[_TIES:]])
        complete = len(top) <= _TIES or min(len(one.sets[0]) for one in fitting) == 1
    else:  # one mistake may make another choice look more likely
        rest = [top[_TIES:], *rest]
        place = {id(one): at for at, one in enumerate(one for each in rest for one in each)}
        tried = (
            _whole(
                [match(kind, trials, one, most if place[id(one)] < _MOST else 1) for one in each]
            )
            for each in rest
        )
        fitting = next((one for one in tried if one), [])
    if not fitting:
        return max(first, key=lambda one: len(one.explained))
    least = min(len(one.sets[0]) for one in fitting)
    fitting = [one for one in fitting if len(one.sets[0]) == least]
    sets = dict.fromkeys(slips for one in fitting for slips in one.sets)
    complete = complete and all(one.complete for one in fitting)
    return replace(fitting[0], sets=tuple(sets), complete=complete)


def _whole(matches: Sequence[Match]) -> list[Match]:
    """Return those that explain everything that is wrong."""
    return [one for one in matches if one.sets and set(one.explained) == set(one.wrong)]


def _choices(
    kind: Kind, trials: Sequence[Trial], chosen: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Yield the choices that differ on these cases, the library's own first."""
    keys = [one.key for one in kind.conventions]
    values = [
        [chosen[one.key]] if one.key in chosen else list(one.values) for one in kind.conventions
    ]
    seen: list[Predictions] = []
    for combination in product(*values):
        choice = dict(zip(keys, combination, strict=True))
        predictions = Predictions(kind, trials, choice)
        if not any(_equal(predictions, other) for other in seen):
            seen.append(predictions)
            yield choice


def _equal(one: Predictions, other: Predictions) -> bool:
    """Whether two choices give the same numbers."""
    for number in range(len(one.trials)):
        a, b = one.of(NONE, number), other.of(NONE, number)
        if a.keys() != b.keys():
            return False
        for name, array in a.items():
            wanted = expected(b, name)
            if wanted is None or not same(array, wanted, name):
                return False
    return True


def _score(kind: Kind, trials: Sequence[Trial], choice: Mapping[str, str]) -> int:
    """Count the results that are right under a choice."""
    predictions = Predictions(kind, trials, choice)
    return sum(
        predictions.fits_in(NONE, name, number)
        for name in predictions.names()
        for number in range(len(trials))
        if name in trials[number].results
    )
