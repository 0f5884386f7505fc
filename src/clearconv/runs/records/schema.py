"""The expected content of a file: the kind of each value, checked when the file is read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearconv.errors import RunError
from clearconv.files import read_text

_MOST = 1e60  # larger numbers are a mistake, and arithmetic with them overflows
_SHOWN = 60  # letters of a wrong value


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    expected : str
        Description, such as ``"a whole number"``.
    fits : callable
        Returns whether a value is of this kind.
    """

    expected: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Many:
    """Any number of values of one kind, in a list or by name."""

    kind: "Schema"
    named: bool = False


#: A kind; many of a kind; or names with the schema of each, where a name with ? may be missing.
Schema = Kind | Many | Mapping[str, "Schema"]


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number, 0 or more, of a size that JSON readers take."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and -_MOST <= value <= _MOST  # false for NaN


WHOLE = Kind("a whole number, 0 or more", is_whole)
EPOCH = Kind("the number of an epoch, from 1", lambda value: is_whole(value) and value > 0)
NUMBER = Kind("a finite number", _is_number)
POSITIVE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
TEXT = Kind("text", lambda value: isinstance(value, str))
PLACE = Kind("text, or null", lambda value: value is None or isinstance(value, str))
TABLE = Kind("an object", lambda value: isinstance(value, dict))


def read(path: Path, schema: Schema, remedy: str) -> Any:
    """Return the content of a JSON file of the run.

    Parameters
    ----------
    path : Path
        The file.
    schema : Schema
        Its expected content.
    remedy : str
        What to do about a damaged file.

    Raises
    ------
    RunError
        If it cannot be read, or a value is not of its kind; the message names it.
    """
    return _checked(path, _text(path), schema, remedy)


def read_lines(path: Path, schema: Schema, remedy: str) -> list[Any]:
    """Return the content of each line of a file of the run; raises as `read` does."""
    lines = _text(path).splitlines()
    return [_checked(path, line, schema, remedy, f"line {n}") for n, line in enumerate(lines, 1)]


def wrong(value: Any, schema: Schema, place: str = "") -> str | None:
    """Describe the first problem: where, what was found, and what was expected; None if none.

    Parameters
    ----------
    value : object
        Value as read from JSON.
    schema : Schema
        Its expected content.
    place : str
        Its name, such as ``data.classes``.
    """
    if isinstance(schema, Kind):
        return None if schema.fits(value) else _found(place, value, schema.expected)
    if isinstance(schema, Many):
        if schema.named and not isinstance(value, dict):
            return _found(place, value, "an object")
        if not schema.named and not isinstance(value, list):
            return _found(place, value, "a list")
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        found = (wrong(one, schema.kind, f"{place}[{_shown(key)}]") for key, one in inner)
        return next((said for said in found if said is not None), None)
    if not isinstance(value, dict):
        names = ", ".join(name for name in schema if not name.endswith("?"))
        return _found(place, value, f"an object with {names}" if names else "an object")
    for key, kind in schema.items():
        name = key.removesuffix("?")
        whole = f"{place}.{name}" if place else name
        if name not in value:
            if key == name:
                return f"{whole} is missing"
        elif (said := wrong(value[name], kind, whole)) is not None:
            return said
    return None


def damaged(path: Path, found: str, remedy: str) -> RunError:
    """Return the error that names a damaged file, what is wrong in it, and what to do."""
    return RunError(f"{path} is damaged: {found}. {remedy}")


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise damaged(path, "it is not text in UTF-8", "Put a whole copy back.") from None


def _checked(path: Path, text: str, schema: Schema, remedy: str, place: str = "") -> Any:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"{place}: " if place else ""
        raise damaged(path, f"{where}{error}", remedy) from None
    if (found := wrong(content, schema, place)) is not None:
        raise damaged(path, found, remedy)
    return content


def _found(place: str, value: Any, expected: str) -> str:
    return f"{place or 'its content'} is {_shown(value)}, but {expected} is expected"


def _shown(value: Any) -> str:
    """Show a value in a few characters, however large or deep it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**64:
        return "a number of more than 19 digits"
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
