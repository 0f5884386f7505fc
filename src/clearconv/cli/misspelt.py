"""A name that is not known: the answer says which one may be meant."""

from typing import Any


def unknown(kind: str, name: str, known: Any, hint: str = "") -> str:
    """Say that a name is not known, which one may be meant, and what there is."""
    from difflib import get_close_matches

    listed = list(known)
    close = get_close_matches(name, listed, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"{kind} {name!r} is not known.{meant} Known: {', '.join(listed)}.{hint}"
