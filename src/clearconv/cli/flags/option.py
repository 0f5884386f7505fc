"""How an option of a run is made; each help text states the default for photographs."""

from collections.abc import Iterable
from typing import Any

import click

from clearconv.cli.flags.kinds import Option, Words
from clearconv.runs.given import Given
from clearconv.train import Settings


def setting(heading: str, *names: str, help: str, default: str | None = None, **kind: Any) -> Any:
    """Make an option for a setting; the help text states the default for photographs."""
    field = names[0].lstrip("-").partition("/")[0].replace("-", "_")
    shown = default if default is not None else _standard(field, "/--no-" in names[0])
    text = f"{help}  [{shown}]" if shown else help
    return click.option(*names, cls=Option, heading=heading, help=text, default=None, **kind)


def choice(heading: str, name: str, known: Iterable[str], help: str, **kind: Any) -> Any:
    """Make an option with a few possible words, which the help lists."""
    words = tuple(known)
    text = f"{help}: {', '.join(words)}."
    return setting(heading, name, metavar="NAME", type=Words(words), help=text, **kind)


def _standard(field: str, yes_or_no: bool) -> str:
    """Return the default for photographs, as written on a command line."""
    photos = Settings.for_data("photos", "photos", Given())
    value = getattr(photos.augmentation if hasattr(photos.augmentation, field) else photos, field)
    if yes_or_no:
        return "yes" if value else "no"
    if field == "crop":
        value = value[0] if value else 1
    return "off" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
