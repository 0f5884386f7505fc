"""Plain text for people: names, numbers and tables, the same on a screen and in a file."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


def printable(text: object) -> str:
    """Return the text with control characters and unprintable characters escaped."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, most: int = 2000) -> str:
    """Shorten a text in the middle if it has more than `most` characters."""
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def some(names: Iterable[object], most: int = 5) -> str:
    """List the first names and the number of others, so that a message stays on one line."""
    listed = list(map(str, names))
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (", ".join(listed[:most]) or "nothing") + more


def listable(name: object) -> str:
    """Return a name as written in a list: quoted as in CSV where it would be misread."""
    name = str(name)
    if "," not in name and not name.startswith('"') and name == name.strip():
        return name
    return '"' + name.replace('"', '""') + '"'


def meant(name: object, known: Iterable[str]) -> str:
    """Suggest the known name that is closest to a misspelt one; empty if none is close."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 image`` or ``1,200 images``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time to two digits: ``0.014 s``, ``3.0 s``, ``25 s``, ``7.2 min``, ``2.1 h``."""
    for size, unit in ((1, "s"), (60, "min"), (3600, "h")):
        value = seconds / size
        if value < (100 if unit == "s" else 90) or unit == "h":
            break
    if value >= 10:
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}" if value >= 0.95 else f"{value:.2g} {unit}"


def amount(size: int) -> str:
    """Return bytes as ``640 MiB`` or ``1.1 GiB``."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def utf8(text: str) -> bytes:
    r"""Encode text that may hold file names.

    A name that is not UTF-8 has half characters (surrogates) in Python, which UTF-8 cannot hold.
    They become ``\udcff``, the escape from which JSON and JavaScript read the same name again.
    """
    return text.encode("utf-8", "backslashreplace")


def table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()
) -> list[str]:
    """Align cells under a head and a rule, with two spaces between columns.

    Parameters
    ----------
    head : sequence of str
        One word per column.
    rows : sequence of sequences
        Cells, converted with ``str``.
    right : sequence of int
        Columns aligned to the right, as for numbers.
    """
    lines = [[printable(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            _pad(cell, size, number in right)
            for number, (cell, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return [text[0], "-" * min(79, sum(widths) + 2 * (len(widths) - 1)), *text[1:]]


def width(text: str) -> int:
    """Return the number of terminal columns of a text; a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, size: int, right: bool) -> str:
    space = " " * (size - width(text))
    return space + text if right else text + space
