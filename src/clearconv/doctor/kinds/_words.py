"""The catalogue in words: a TOML file a kind, a table a mistake."""

import tomllib
from importlib.resources import files

from clearconv.doctor.kinds._kind import Slip


def slips(kind: str) -> tuple[Slip, ...]:
    """Read what goes wrong in a kind, in the order of its file."""
    text = files(__package__).joinpath(f"{kind}.toml").read_text(encoding="utf-8")
    return tuple(
        Slip(
            key=key,
            title=words["title"],
            spoils=tuple(words["spoils"]),
            why=words["why"],
            remedy=words["remedy"],
            link=words["link"],
            hints=tuple(words.get("hints", ())),
            error=words.get("error", ""),
        )
        for key, words in tomllib.loads(text).items()
    )
