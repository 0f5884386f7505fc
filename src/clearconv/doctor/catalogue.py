"""The catalogue as a list for people."""

from collections.abc import Iterator, Sequence
from textwrap import fill

from clearconv.doctor.kinds import KINDS, Kind

_WIDTH = 79


def catalogue(only: Sequence[str] = (), convention: str = "convention") -> list[str]:
    """List the kinds, their mistakes and their conventions.

    Parameters
    ----------
    only : sequence of str
        Names of kinds; empty for all.
    convention : str
        Text before the key of a convention.
    """
    kinds = [kind for kind in KINDS.values() if not only or kind.name in only]
    lines = [line for kind in kinds for line in (*_kind(kind, convention), "")]
    count = sum(len(kind.slips) for kind in kinds)
    return [*lines, f"{count} mistakes in {len(kinds)} kinds"]


def _kind(kind: Kind, convention: str) -> Iterator[str]:
    yield f"{kind.name}: {', '.join(kind.results)}"
    for slip in kind.slips:
        yield _entry(slip.key, slip.title)
    for one in kind.conventions:
        yield _entry(f"{convention} {one.key}=", one.title)
        for value, meaning in one.values.items():
            yield _entry(f"  {value}", meaning)


def _entry(key: str, text: str) -> str:
    lead = f"  {key:<28}  "
    return fill(f"{lead}{text}", _WIDTH, subsequent_indent=" " * 32, break_on_hyphens=False)
