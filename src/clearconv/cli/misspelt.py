"""The message about an unknown name, with the name that may be meant."""

from typing import Any

from clearconv.words import meant


def unknown(kind: str, name: str, known: Any, hint: str = "") -> str:
    """Say that a name is not known, which one may be meant, and which are known."""
    listed = list(known)
    return f"{kind} {name!r} is not known.{meant(name, listed)} Known: {', '.join(listed)}.{hint}"
