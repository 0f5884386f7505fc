"""What the text after a flag means as a setting, and how a setting is written there.

A value that has no entry here is the same on both sides: a number, a word, yes or no.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from clearconv.words import listable

#: A class in a list of classes: as in CSV, a quote within quotes is doubled.
_NAME = re.compile(r'\s*"((?:[^"]|"")*)"\s*,|([^,]*),')
_FLIP = 0.5  # both directions equally often
_MOST = 1_000_000  # largest map number accepted


class UnsayableError(Exception):
    """A value that can be given in Python but not by a flag."""


@dataclass(frozen=True)
class Form:
    """How one setting is given on a command line.

    Attributes
    ----------
    read : callable
        From click's value to the setting.
    write : callable
        From the setting to text, or to True or False if the flag is a switch. Raises
        `UnsayableError` if no text is read as this value.
    """

    read: Callable[[Any], Any]
    write: Callable[[Any], str | bool]


def read_classes(text: str) -> tuple[str, ...]:
    """Split ``dog,panda,bird``; a name in double quotes keeps its commas and blanks."""
    found = _NAME.finditer(text + ",")
    names = tuple(
        plain.strip() if plain is not None else quoted.replace('""', '"')
        for quoted, plain in (match.groups() for match in found)
    )
    if not all(names):
        raise click.BadParameter(f"{text!r} has an empty name; write --classes dog,panda,bird.")
    return names


def write_classes(names: tuple[Any, ...]) -> str:
    """Join the names; three dots mean that there are more."""
    if not all(names):
        raise UnsayableError
    return ",".join("..." if name is ... else listable(name) for name in names)


def read_ratios(text: str) -> tuple[int, ...]:
    """Split ``8:1:1``."""
    if not re.fullmatch(r"\d+:\d+:\d+", text):
        raise click.BadParameter(f"{text!r}; write three whole numbers such as 8:1:1.")
    return tuple(map(int, text.split(":")))


def write_ratios(shares: tuple[float, ...]) -> str:
    """Join the shares."""
    if not all(type(share) is int and share >= 0 for share in shares):
        raise UnsayableError
    return ":".join(map(str, shares))


def read_freeze(text: str) -> int | str:
    """Distinguish ``3`` from ``layer3``."""
    return int(text) if text.isdecimal() else text


def write_freeze(before: int | str) -> str:
    """Write a number, or a name that is not one."""
    if isinstance(before, int) != str(before).isdecimal():
        raise UnsayableError
    return str(before)


def read_flip(wanted: bool) -> float:
    """Return the probability of a flip."""
    return _FLIP if wanted else 0.0


def write_flip(probability: float) -> bool:
    """Return whether images are flipped."""
    if probability not in (0, _FLIP):
        raise UnsayableError
    return bool(probability)


def read_crop(least: float) -> list[float] | None:
    """Return the least and the largest share of the area that a crop shows."""
    return [least, 1.0] if least < 1 else None


def write_crop(shares: tuple[float, float] | None) -> str:
    """Return the least share of the area that a crop shows."""
    if shares is None:
        return "1"
    least, most = shares
    if not least < most == 1:
        raise UnsayableError
    return repr(float(least))


def read_maps(text: str) -> list[int]:
    """Read ``12-23`` or ``0-7,12``."""
    found: list[int] = []
    for part in text.split(","):
        run = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if run is None or int(run[2] or run[1]) < int(run[1]):
            raise click.BadParameter(f"{text!r}; write 12-23, or 0-7,12. The first map is 0.")
        if int(run[2] or run[1]) >= _MOST:
            raise click.BadParameter(f"{text!r}; no layer has that many maps.")
        found += range(int(run[1]), int(run[2] or run[1]) + 1)
    return found


def write_maps(maps: range) -> str:
    """Write each range as its first and last number."""
    return f"{maps[0]}-{maps[-1]}"


#: Setting -> how it is given. A setting that is not here is given as it is.
FORMS: Mapping[str, Form] = {
    "classes": Form(read_classes, write_classes),
    "ratios": Form(read_ratios, write_ratios),
    "freeze": Form(read_freeze, write_freeze),
    "flip": Form(read_flip, write_flip),
    "vertical_flip": Form(read_flip, write_flip),
    "crop": Form(read_crop, write_crop),
    "maps": Form(read_maps, write_maps),
}


def read(ctx: click.Context, option: click.Parameter, text: str | None) -> Any:
    """Read the text after a flag: the callback of its option."""
    return None if text is None else FORMS[str(option.name)].read(text)


def written(option: click.Parameter, value: Any) -> list[str]:
    """Return the words that give an option this value.

    Parameters
    ----------
    option : click.Parameter
        An option, such as that of ``--lr``.
    value
        Value of the setting.

    Raises
    ------
    UnsayableError
        If there are no such words.
    """
    if option.multiple:
        return [word for one in value for word in (option.opts[0], str(one))]
    name = str(option.name)
    said = FORMS[name].write(value) if name in FORMS else value
    if said is True:
        return [option.opts[0]]
    if said is False and option.secondary_opts:
        return [option.secondary_opts[0]]
    if said is None or said is False:
        raise UnsayableError
    return [option.opts[0], repr(said) if isinstance(said, float) else str(said)]
