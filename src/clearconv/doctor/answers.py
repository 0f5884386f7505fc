"""Read what the process of a learner's code wrote, without trusting it."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.doctor.child import LARGEST
from clearconv.doctor.kinds import Arrays
from clearconv.doctor.room import Room, head

_ANSWERS = 8 << 20  # bytes; ours take a few hundred for each case
_STACK = _HEADS = 1 << 16
_MOST = 99  # names in a list; no layer has as many arrays


@dataclass
class Answer:
    """The outcome of one case, or of loading the file.

    Attributes
    ----------
    results : dict
        The arrays that came out.
    part : str
        Part that was running last.
    trouble : dict, optional
        type, message, and where it is known line, text (of the line) and where
        (the function); about is "result" where a failed assertion looks at what was computed.
    changed : list of str
        Inputs that were changed in place.
    order : list of str
        The gradients as they are returned, if that is not the usual order.
    """

    results: Arrays = field(default_factory=dict)
    part: str = ""
    trouble: dict[str, Any] | None = None
    changed: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


def read(room: Room, jobs: int, ended: str, path: Path) -> tuple[Answer, list[Answer]]:
    """Read the answers, line by line, with suspicion.

    Parameters
    ----------
    room : Room
        The folder and files into which the process wrote.
    jobs : int
        Number of cases that it was to run.
    ended : str
        How the process ended: "timeout SECONDS", or "ended CODE" and the end of what it printed.
    path : Path
        The learner's file.

    Returns
    -------
    loading : Answer
        ``trouble`` is set if the file could not be loaded.
    answers : list of Answer
        One outcome per job.
    """
    loading, answers = Answer(part="loading"), [Answer(part="waiting") for _ in range(jobs)]
    loaded, running = False, -1
    latest: dict[int, dict[str, Any]] = {}  # the last answer about a job counts
    for said in _lines(room):
        number = said.get("job")
        if said.get("part") == "loaded":
            loaded = True
        elif number is None:
            loading.trouble = _checked(said.get("trouble"))
        elif type(number) is int and 0 <= number < jobs:
            if said.get("part") == "running":
                running = number
                continue
            running = -1
            latest[number] = said
    for number, said in latest.items():
        answers[number] = _answer(said, room)
    if not loaded and loading.trouble is None:
        loading.trouble = _ended(ended, room, path)
    if loaded and running >= 0:
        answers[running].trouble = _ended(ended, room, path)
        answers[running].part = "running"
    return loading, answers


def _lines(room: Room) -> Iterator[dict[str, Any]]:
    for line in head(room.answers, _ANSWERS).splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _answer(said: dict[str, Any], room: Room) -> Answer:
    """Keep the parts of an answer about a case that have the right type."""
    names = _names(said.get("names"))
    results = _arrays(room, said.get("begin"), names)
    trouble = _checked(said.get("trouble"))
    if said.get("names") != list(results):
        lost = {"type": "BadResult", "message": "its results did not arrive whole"}
        trouble = trouble or lost
    part, changed, order = _text(said.get("part")), said.get("changed"), said.get("order")
    return Answer(results, part, trouble, _names(changed), _names(order))


def _names(value: Any) -> list[str]:
    return [_text(name) for name in value[:_MOST]] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Return the beginning of a text, fit for a file: json can produce half characters."""
    return str(value)[:300].encode("utf-8", "replace").decode()


def _checked(trouble: Any) -> dict[str, Any] | None:
    """Keep the parts of an account that have the right type."""
    if not isinstance(trouble, dict):
        return None
    kept: dict[str, Any] = {}
    for key in ("type", "message", "text", "where", "about"):
        if isinstance(trouble.get(key), str):
            kept[key] = _text(trouble[key])
    if type(line := trouble.get("line")) is int and 0 < line < 1 << 31:
        kept["line"] = line
    return {"type": "Error", "message": "", **kept}


def _arrays(room: Room, begin: Any, names: list[str]) -> Arrays:
    """Read arrays of numbers; what is damaged or forged holds none."""
    if type(begin) is not int or not 0 <= begin < 1 << 62:
        return {}
    found: Arrays = {}
    file = BytesIO(head(room.arrays, LARGEST + _HEADS, begin))
    for name in names:
        try:
            array = np.lib.format.read_array(file, allow_pickle=False)
        except Exception:  # NumPy raises many errors for what is not an array
            break
        if array.dtype.kind in "fiu":
            found[name] = array
    return found


def _ended(ended: str, room: Room, path: Path) -> dict[str, Any]:
    """Account for a process that ended without an answer."""
    if not ended.startswith("timeout "):
        _, code, printed = ended.split(" ", 2)
        return {"type": "Ended", "message": f"{_code(int(code))}{_last_line(printed)}"}
    trouble: dict[str, Any] = {"type": "Timeout", "message": f"{ended.split()[1]} s"}
    stack = head(room.stack, _STACK).decode("utf-8", "replace")
    for line in stack.splitlines():
        place = f'File "{path}", line '
        if place in line:
            number, _, where = line.partition(place)[2].partition(" in ")
            if number.isdigit():
                return {**trouble, "line": int(number), "where": where.strip()[:100]}
    return trouble


def _code(code: int) -> str:
    """Describe how a process ended."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _last_line(printed: str) -> str:
    lines = printed.strip().splitlines()
    return f"; its last words: {lines[-1][:200]}" if lines else ""
