"""Which conventions a learner's code follows: a choice is no mistake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product

from clearconv.doctor.kinds import Kind
from clearconv.doctor.match import NONE, Match, Predictions, Trial, expected, match, same

_MOST = 3  # choices that fit equally well, and are looked into


def best_match(kind: Kind, trials: Sequence[Trial], chosen: Mapping[str, str]) -> Match:
    """Infer the conventions, and match the results under them.

    Parameters
    ----------
    kind : Kind
        What the code is meant to compute.
    trials : sequence of Trial
        What it computed.
    chosen : mapping
        Conventions that the user has set.

    Returns
    -------
    Match
        Under the choice with which most is right. Where several choices do equally well, what fits
        under any of them is in ``sets``, so that none is claimed which another may replace.
    """
    scored = sorted(
        ((-_score(kind, trials, one), number, one)
         for number, one in enumerate(_choices(kind, trials, chosen))),
    )  # fmt: skip
    top = [one for score, _, one in scored if score == scored[0][0]][:_MOST]
    matches = [match(kind, trials, one) for one in top]
    right = next((one for one in matches if one.right), None)
    if right is not None:
        return right
    fitting = [one for one in matches if one.sets and set(one.explained) == set(one.wrong)]
    if not fitting:  # one mistake may make another choice look likelier
        rest = (match(kind, trials, one) for _, _, one in scored if one not in top)
        fits = (one for one in rest if one.sets and set(one.explained) == set(one.wrong))
        fitting = list(islice(fits, 1))
    if not fitting:
        return max(matches, key=lambda one: len(one.explained))
    least = min(len(one.sets[0]) for one in fitting)
    fitting = [one for one in fitting if len(one.sets[0]) == least]
    sets = dict.fromkeys(slips for one in fitting for slips in one.sets)
    first = fitting[0]
    return replace(first, sets=tuple(sets))


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
        told = Predictions(kind, trials, choice)
        if not any(_equal(told, other) for other in seen):
            seen.append(told)
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
    """Count what is right under a choice."""
    predictions = Predictions(kind, trials, choice)
    return sum(
        predictions.fits_in(NONE, name, number)
        for name in predictions.names()
        for number in range(len(trials))
        if name in trials[number].results
    )
