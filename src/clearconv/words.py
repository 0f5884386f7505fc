"""Plain text for people: aligned tables that read the same on a screen and in a file."""

from collections.abc import Sequence
from typing import Any


def printable(text: object) -> str:
    """Return the text with characters that a terminal would obey, or cannot show, escaped."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, most: int = 2000) -> str:
    """Shorten a text in the middle, where it has more than `most` letters."""
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def utf8(text: str) -> bytes:
    r"""Encode text that may hold file names.

    A name that is not UTF-8 has half characters (surrogates) in Python, which UTF-8 cannot hold.
    They become ``\udcff``, the escape from which JSON and JavaScript read the same name again.
    """
    return text.encode("utf-8", "backslashreplace")


def table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()
) -> list[str]:
    """Align cells under a head and a rule; two spaces stand between columns.

    Parameters
    ----------
    head : sequence of str
        One word a column.
    rows : sequence of sequences
        The cells, made text with ``str``.
    right : sequence of int
        Columns that are aligned to the right, as numbers want.
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
    """Return how many columns of a terminal the text takes; a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, size: int, right: bool) -> str:
    space = " " * (size - width(text))
    return space + text if right else text + space
