"""A name that is not known: the answer says which one may be meant."""

from typing import Any

from clearconv.words import meant


def unknown(kind: str, name: str, known: Any, hint: str = "") -> str:
    """Say that a name is not known, which one may be meant, and what there is."""
    listed = list(known)
    return f"{kind} {name!r} is not known.{meant(name, listed)} Known: {', '.join(listed)}.{hint}"
