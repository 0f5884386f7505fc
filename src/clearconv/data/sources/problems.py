"""Problems of data: each warning is a text of a kind, and some kinds are more serious."""

from collections.abc import Iterable, Mapping

from clearconv.words import counted

#: Kinds of problems, the most serious first, and the plural name of each kind.
KINDS = {
    "unusable": "reasons why nothing can be trained",
    "missing": "classes missing from a part",
    "labels": "pictures under more than one class",
    "leak": "pictures in more than one part",
    "search": "searches for copies that were cut short",
    "other": "other warnings",
    "damaged": "damaged or unreadable images",
    "outside": "images outside every class folder",
    "special": "special files",
    "foreign": "images of a foreign format",
    "left out": "files that are not images",
}
#: Kinds of files that are left out, and the name of one such file.
_FILES = {
    "damaged": "damaged or unreadable image",
    "outside": "image outside every class folder",
    "special": "special file",
    "foreign": "image of a foreign format",
    "left out": "file that is not an image",
}
#: Kinds that decide whether a result can be trusted; more of them are listed.
_GRAVE = ("unusable", "missing", "labels", "leak", "search")
_FEW, _MANY = 10, 20


class Problem(str):
    """A warning about data: a text that knows its kind.

    Parameters
    ----------
    text : str
        One line.
    kind : str
        A key of ``KINDS``. Plain text counts as ``"other"``.
    """

    kind: str

    def __new__(cls, text: str, kind: str = "other") -> "Problem":
        """Make the text; strings are made here, not in ``__init__``."""
        made = super().__new__(cls, text)
        made.kind = kind
        return made


def by_gravity(problems: Iterable[str]) -> list[str]:
    """Return the lines to show: the most serious kind first, the first few of each and a count.

    Parameters
    ----------
    problems : iterable of str
        Each a ``Problem``, or plain text.

    Returns
    -------
    list of str
        At most 20 lines for each kind that decides whether a result can be trusted, at most 10 for
        the others, and if there are more, one line with the number of that kind. Where files of
        several kinds are left out, a line before them counts each kind.
    """
    sorted_: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for problem in problems:
        sorted_[problem.kind if isinstance(problem, Problem) else "other"].append(problem)
    shown = []
    for kind, lines in sorted_.items():
        most = _MANY if kind in _GRAVE else _FEW
        if kind == next(iter(_FILES)):
            shown += _count(sorted_)
        shown += lines[:most]
        if len(lines) > most:
            shown.append(f"... and {len(lines) - most:,} more of {len(lines):,} {KINDS[kind]}")
    return shown


def _count(problems: Mapping[str, list[str]]) -> list[str]:
    """Return a line that counts the files left out, if they are of several kinds."""
    counts = {kind: len(problems[kind]) for kind in _FILES if problems[kind]}
    if len(counts) < 2:
        return []
    each = (counted(number, _FILES[kind], KINDS[kind]) for kind, number in counts.items())
    return [f"{sum(counts.values()):,} files are left out: {', '.join(each)}"]
