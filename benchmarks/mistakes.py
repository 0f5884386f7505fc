"""Which mistakes each check exposes, and how well the doctor names them.

``python -m benchmarks.mistakes --markdown docs/doctor.md`` rewrites the tables, between the
marks in that file. Every mistake of the catalogue plays the learner's program.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import click
import numpy as np

from benchmarks.older_checks import CHECKS
from clearconv.doctor.conventions import best_match
from clearconv.doctor.kinds import KINDS, Case, Kind, Limits
from clearconv.doctor.matching import Trial
from clearconv.random import generator

_FORWARD = {"y", "loss", "cols", "x"}
MARKS = "<!-- from here: python -m benchmarks.mistakes -->", "<!-- to here -->"


@dataclass(frozen=True)
class Row:
    """One mistake.

    Attributes
    ----------
    kind, key, title : str
        Which.
    exposed : tuple of bool
        By each older check, and by the doctor.
    named : bool
        Whether the doctor names it and nothing else.
    confused : tuple of str
        What it names besides, or instead.
    """

    kind: str
    key: str
    title: str
    exposed: tuple[bool, ...]
    named: bool
    confused: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """How two mistakes at once are found in a kind.

    Attributes
    ----------
    kind : str
        Which.
    tried, exposed, one, both, false : int
        Pairs; with a wrong result; with one of the two named surely; with both; with a third
        mistake named surely.
    """

    kind: str
    tried: int
    exposed: int
    one: int
    both: int
    false: int


def rows(name: str) -> list[Row]:
    """Try every mistake of a kind alone."""
    kind, cases = _remembering(KINDS[name])
    found = []
    for slip in kind.slips:
        match = best_match(kind, _trials(kind, cases, frozenset({slip.key})), {})
        fitting = {key for one in match.sets for key in one}
        found.append(
            Row(
                name,
                slip.key,
                slip.title,
                (*(check(KINDS[name], slip.key) for check in CHECKS.values()), not match.right),
                match.sets == (frozenset({slip.key}),),
                tuple(sorted(fitting - {slip.key})),
            )
        )
    return found


def pairs(name: str, most: int | None = None) -> Pairs:
    """Try the mistakes of a kind by twos; `most` of them, drawn at random, or all."""
    kind, cases = _remembering(KINDS[name])
    chosen = list(combinations([slip.key for slip in kind.slips], 2))
    if most is not None and len(chosen) > most:
        drawn = generator(0, "pairs of mistakes", name).permutation(len(chosen))[:most]
        chosen = [chosen[number] for number in sorted(drawn)]
    exposed = one = both = false = 0
    for pair in map(frozenset, chosen):
        match = best_match(kind, _trials(kind, cases, pair), {})
        exposed += not match.right
        one += bool(match.sure & pair)
        both += match.sure == pair
        false += bool(match.sure - pair)
    return Pairs(name, len(chosen), exposed, one, both, false)


def _trials(kind: Kind, cases: list[Case], slips: frozenset[str]) -> list[Trial]:
    """Let the mistakes play a program that is called twice."""
    trials = []
    for case in cases:
        results = kind.run(case, slips)
        missing = set(kind.run(case)) - set(results)
        stopped = "forward" if missing & _FORWARD else "backward" if missing else ""
        if kind.read_draws is not None:
            case = kind.read_draws(case, results)
        trials.append(Trial(case, results, stopped))
    return trials


def _remembering(kind: Kind) -> tuple[Kind, list[Case]]:
    """Return the kind with every result computed once, and its cases, flat and as images."""
    limits = (Limits(), Limits(rank=4)) if kind.name == "linear" else (Limits(),)
    cases = [case for one in limits for case in kind.cases(one)]
    if kind.read_draws is not None:  # a case is changed by what came out
        return kind, cases
    known: dict[tuple[object, ...], dict[str, np.ndarray]] = {}
    places = {id(case): number for number, case in enumerate(cases)}

    def compute(case, slips, conventions):
        key = places[id(case)], slips, tuple(sorted(conventions.items()))
        if key not in known:
            known[key] = kind.compute(case, slips, conventions)
        return known[key]

    return replace(kind, compute=compute), cases


def markdown(alone: list[Row], together: list[Pairs]) -> str:
    """Write both tables."""
    return "\n".join([*_summary(alone), "", *_two(together), "", *_each(alone)])


def _summary(alone: list[Row]) -> Iterator[str]:
    yield f"{len(alone)} mistakes, alone. How many each check exposes:"
    yield ""
    yield (
        "| kind | mistakes | " + " | ".join(CHECKS) + " | the doctor | correctly named | confused |"
    )
    yield "| --- |" + " ---: |" * (len(CHECKS) + 4)
    for name in (*KINDS, ""):
        those = [row for row in alone if name in ("", row.kind)]
        if not those:
            continue
        exposed = [sum(flags) for flags in zip(*(row.exposed for row in those), strict=True)]
        numbers = [
            len(those),
            *exposed,
            sum(row.named for row in those),
            sum(bool(row.confused) for row in those),
        ]
        yield f"| {name or '**all**'} | " + " | ".join(map(str, numbers)) + " |"


def _two(together: list[Pairs]) -> Iterator[str]:
    yield "Two mistakes at once:"
    yield ""
    yield "| kind | pairs tried | exposed | one of the two named | both named | a third named |"
    yield "| --- |" + " ---: |" * 5
    whole = Pairs("**all**", *(sum(_counts(one)[n] for one in together) for n in range(5)))
    for one in (*together, whole):
        share = [
            f"{count} ({100 * count / max(one.tried, 1):.0f} %)" for count in _counts(one)[1:4]
        ]
        yield f"| {one.kind} | {one.tried} | {' | '.join(share)} | {one.false} |"


def _counts(one: Pairs) -> tuple[int, ...]:
    return one.tried, one.exposed, one.one, one.both, one.false


def _each(alone: list[Row]) -> Iterator[str]:
    yield "Every mistake; a cross where a check exposes it:"
    for name in KINDS:
        those = [row for row in alone if row.kind == name]
        if not those:
            continue
        yield from ("", f"### {name}", "")
        yield "| mistake | " + " | ".join(CHECKS) + " | the doctor | named |"
        yield "| --- |" + " :---: |" * (len(CHECKS) + 2)
        for row in those:
            marks = " | ".join("x" if flag else "" for flag in row.exposed)
            said = "yes" if row.named else ", ".join(("not alone", *row.confused))
            yield f"| {row.title} | {marks} | {said} |"


def written(text: str, tables: str) -> str:
    """Return a page with the tables between its marks."""
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}\n\n{tables}\n\n{MARKS[1]}{after}"


@click.command()
@click.option("--kinds", default=",".join(KINDS), help="max_pool2d,linear,...")
@click.option("--most", type=int, help="Of each kind's pairs so many at most, drawn at random.")
@click.option("--workers", default=1, show_default=True, help="Processes.")
@click.option("--markdown", "page", type=click.Path(path_type=Path), help="docs/doctor.md, say.")
def main(kinds: str, most: int | None, workers: int, page: Path | None) -> None:
    """Let every mistake play the learner's program, alone and with each other."""
    names = kinds.split(",")
    with ProcessPoolExecutor(workers) as pool:
        together = list(pool.map(pairs, names, [most] * len(names)))
        alone = [row for part in pool.map(rows, names) for row in part]
    tables = markdown(alone, together)
    click.echo(tables)
    if page is not None:
        page.write_text(written(page.read_text("utf-8"), tables), "utf-8")


if __name__ == "__main__":
    main()
