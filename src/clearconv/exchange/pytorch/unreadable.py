"""What stops the reading of a file; `load_pytorch` adds the file's name."""

from clearconv.words import cut, printable


class UnreadableError(Exception):
    """The file is damaged, or holds what is not read. The message is a clause without a subject."""


def shown(value: object) -> str:
    """Return a text from a file in a form that fits in a message."""
    return cut(printable(value), 100)
