"""What the process of a learner's code wrote, and nothing believed of it."""

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.doctor.kinds import Arrays


@dataclass
class Answer:
    """What became of one case, or of loading the file.

    Attributes
    ----------
    results : dict
        The arrays that came out.
    part : str
        What was running last.
    trouble : dict, optional
        type, message, and where it is known line, text (of the line) and where
        (the function); about is "result" where a failed assertion looks at what was computed.
    changed : list of str
        Inputs that were changed in place.
    order : list of str
        The gradients as they are returned, where that is another order than usual.
    """

    results: Arrays = field(default_factory=dict)
    part: str = ""
    trouble: dict[str, Any] | None = None
    changed: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


def read(room: Path, jobs: int, ended: str, path: Path) -> tuple[Answer, list[Answer]]:
    """Read the answers, line by line, with suspicion.

    Parameters
    ----------
    room : Path
        The folder into which the process wrote.
    jobs : int
        How many cases it was to run.
    ended : str
        How it ended: "timeout SECONDS", or "ended CODE" and the end of what it printed.
    path : Path
        The learner's file.

    Returns
    -------
    loading : Answer
        ``trouble`` is set if the file could not be loaded.
    answers : list of Answer
        One for each job.
    """
    loading, answers = Answer(part="loading"), [Answer(part="waiting") for _ in range(jobs)]
    loaded, running = False, -1
    for said in _lines(room / "answers"):
        number = said.get("job")
        if said.get("part") == "loaded":
            loaded = True
        elif number is None:
            loading.trouble = _checked(said.get("trouble"))
        elif isinstance(number, int) and 0 <= number < jobs:
            if said.get("part") == "running":
                running = number
                continue
            running = -1
            answer = answers[number]
            answer.part = str(said.get("part"))
            answer.trouble = _checked(said.get("trouble"))
            answer.changed = [str(name) for name in said.get("changed") or ()][:9]
            answer.order = [str(name) for name in said.get("order") or ()][:9]
            answer.results = _arrays(room / f"out-{number}.npz")
            names = said.get("names")
            if not isinstance(names, list) or {str(n) for n in names} - answer.results.keys():
                lost = {"type": "BadResult", "message": "its results did not arrive whole"}
                answer.trouble = answer.trouble or lost
    if not loaded and loading.trouble is None:
        loading.trouble = _ended(ended, room, path)
    if loaded and running >= 0:
        answers[running].trouble = _ended(ended, room, path)
        answers[running].part = "running"
    return loading, answers


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes()[: 8 << 20].decode("utf-8", "replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _checked(trouble: Any) -> dict[str, Any] | None:
    """Keep of an account what has the right type."""
    if not isinstance(trouble, dict):
        return None
    kept: dict[str, Any] = {}
    for key in ("type", "message", "text", "where", "about"):
        if isinstance(trouble.get(key), str):
            kept[key] = trouble[key][:300]
    if isinstance(trouble.get("line"), int):
        kept["line"] = trouble["line"]
    return {"type": "Error", "message": "", **kept}


def _arrays(path: Path) -> Arrays:
    """Read arrays of numbers; a file that is damaged or forged holds none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {n: a for n in file.files[:99] if (a := file[n]).dtype.kind in "fiu"}
    except Exception:  # zipfile, NumPy and the system each have their own
        return {}


def _ended(ended: str, room: Path, path: Path) -> dict[str, Any]:
    """Account for a process that ended without an answer."""
    if not ended.startswith("timeout "):
        _, code, printed = ended.split(" ", 2)
        return {"type": "Ended", "message": f"{_code(int(code))}{_last_line(printed)}"}
    trouble: dict[str, Any] = {"type": "Timeout", "message": f"{ended.split()[1]} s"}
    try:
        stack = (room / "stack").read_text("utf-8", "replace")
    except OSError:
        return trouble
    for line in stack.splitlines():
        head = f'File "{path}", line '
        if head in line:
            number, _, where = line.partition(head)[2].partition(" in ")
            if number.isdigit():
                return {**trouble, "line": int(number), "where": where.strip()[:100]}
    return trouble


def _code(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _last_line(printed: str) -> str:
    lines = printed.strip().splitlines()
    return f"; its last words: {lines[-1][:200]}" if lines else ""
