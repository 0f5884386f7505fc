"""The catalogue in words: one TOML file per kind, one table per mistake.

What a kind's own file leaves out of a mistake about windows is in ``windows.toml``.
"""

import tomllib
from importlib.resources import files
from typing import Any

from clearconv.doctor.kinds._kind import Slip


def slips(kind: str) -> tuple[Slip, ...]:
    """Read what goes wrong in a kind, in the order of its file."""
    shared = _read("windows")
    return tuple(_slip(key, shared.get(key, {}) | own) for key, own in _read(kind).items())


def _slip(key: str, words: dict[str, Any]) -> Slip:
    return Slip(
        key=key,
        title=words["title"],
        spoils=tuple(words["spoils"]),
        why=words["why"],
        remedy=words["remedy"],
        link=words["link"],
        hints=tuple(words.get("hints", ())),
        error=words.get("error", ""),
    )


def _read(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))
