"""A process of its own for a learner's code, and nothing believed of what it answers."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from clearconv.doctor.kinds import Arrays, Case
from clearconv.doctor.named import Named

#: What the child may write: arrays, in files of its own.
_FILE_BYTES = 256 << 20
_KEPT_OUTPUT = 4000
_STARTING = 10.0  # seconds that the interpreter and NumPy may take on a busy machine
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from clearconv.doctor.child import main; main(sys.argv[2])"
)


@dataclass(frozen=True)
class Confines:
    """What a learner's code may take.

    Attributes
    ----------
    seconds : float
        By the clock, for loading the file and for each layer.
    memory : int
        Bytes of address space.
    """

    seconds: float = 20.0
    memory: int = 4 << 30


@dataclass(frozen=True)
class Job:
    """One case to run.

    Attributes
    ----------
    case : Case
        The case.
    layout : int
        Which of the kind's layouts.
    calls : int
        How often on the same object.
    """

    case: Case
    layout: int = 0
    calls: int = 1


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
        type, message, and where it is known line, text (of the line) and where (the function).
    changed : list of str
        Inputs that were changed in place.
    """

    results: Arrays = field(default_factory=dict)
    part: str = ""
    trouble: dict[str, Any] | None = None
    changed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Patient:
    """A learner's file, and how it is run.

    Attributes
    ----------
    path : Path
        The file, absolute.
    named : tuple of Named
        Functions named by the user.
    definitions : bool
        Whether to run its definitions alone.
    confines : Confines
        What it may take.
    """

    path: Path
    named: tuple[Named, ...] = ()
    definitions: bool = False
    confines: Confines = Confines()


def run(patient: Patient, found: int | None, jobs: Sequence[Job]) -> tuple[Answer, list[Answer]]:
    """Load the file and run the cases of one layer.

    Parameters
    ----------
    patient : Patient
        The file.
    found : int, optional
        Which layer of those that are found in it; None to load the file only.
    jobs : sequence of Job
        The cases.

    Returns
    -------
    loading : Answer
        ``trouble`` is set if the file could not be loaded.
    answers : list of Answer
        One for each job.
    """
    with tempfile.TemporaryDirectory(prefix="clearconv-doctor-") as folder:
        room = Path(folder)
        _write(room, patient, found, jobs)
        ended = _process(room, patient)
        return _read(room, jobs, ended, patient)


def _write(room: Path, patient: Patient, found: int | None, jobs: Sequence[Job]) -> None:
    cases = list({id(job.case): job.case for job in jobs}.values())
    place = {id(case): number for number, case in enumerate(cases)}
    arrays = {f"{i}/{k}": v for i, case in enumerate(cases) for k, v in case.arrays.items()}
    np.savez(room / "in.npz", **arrays)  # type: ignore[arg-type]
    request = {
        "file": str(patient.path),
        "named": [asdict(one) for one in patient.named],
        "definitions": patient.definitions,
        "found": found,
        "seconds": patient.confines.seconds + _STARTING,
        "memory": patient.confines.memory,
        "bytes": _FILE_BYTES,
        "seed": 0,
        "jobs": [
            {
                "case": place[id(job.case)],
                "layout": job.layout,
                "calls": job.calls,
                "options": {k: _plain(v) for k, v in job.case.options.items()},
            }
            for job in jobs
        ],
    }
    (room / "request.json").write_text(json.dumps(request))


def _process(room: Path, patient: Patient) -> str:
    """Run the child to its end, or end it; say how it went."""
    settings = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _CODE]
    child = subprocess.Popen(
        [*command, json.dumps([p for p in sys.path if p]), str(room)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**kept, **settings, "TMPDIR": str(room)},
        cwd=patient.path.parent,
        start_new_session=True,
    )
    assert child.stdout is not None
    printed = bytearray()
    with child.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        try:
            ended = _wait(child, pipe, printed, room, patient.confines.seconds)
        finally:
            _end(child)
        _drain(pipe, printed)
    return ended or f"ended {child.returncode} {printed.decode('utf-8', 'replace')}"


def _wait(
    child: subprocess.Popen[bytes], pipe: IO[bytes], printed: bytearray, room: Path, seconds: float
) -> str:
    """Wait; a child that takes too long writes where it is, and is ended."""
    start, begun, clock = time.monotonic(), False, time.monotonic()
    while child.poll() is None:
        select.select([pipe], [], [], 0.01)
        if not _drain(pipe, printed):
            time.sleep(0.01)
        if not begun and (room / "answers").exists():
            begun, clock = True, time.monotonic()
        if time.monotonic() - clock > (seconds if begun else _STARTING + seconds):
            os.kill(child.pid, signal.SIGUSR1)
            _settle(child, time.monotonic() + 0.5, room / "stack")
            return f"timeout {time.monotonic() - start:.0f}"
    return ""


def _settle(child: subprocess.Popen[bytes], until: float, stack: Path) -> None:
    while time.monotonic() < until and child.poll() is None:
        time.sleep(0.01)
        if stack.exists() and stack.stat().st_size > 0:
            time.sleep(0.05)
            return


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()


def _drain(pipe: IO[bytes], kept: bytearray) -> int:
    """Read what is printed, so that the child need not wait; keep the end of it."""
    try:
        chunk = os.read(pipe.fileno(), 1 << 20)
    except BlockingIOError:
        return 0
    kept += chunk
    del kept[:-_KEPT_OUTPUT]
    return len(chunk)


def _read(
    room: Path, jobs: Sequence[Job], ended: str, patient: Patient
) -> tuple[Answer, list[Answer]]:
    """Read the answers, line by line, with suspicion."""
    loading, answers = Answer(part="loading"), [Answer(part="waiting") for _ in jobs]
    loaded, running = False, -1
    for said in _lines(room / "answers"):
        number = said.get("job")
        if said.get("part") == "loaded":
            loaded = True
        elif number is None:
            loading.trouble = _checked(said.get("trouble"))
        elif isinstance(number, int) and 0 <= number < len(jobs):
            if said.get("part") == "running":
                running = number
                continue
            running = -1
            answer = answers[number]
            answer.part = str(said.get("part"))
            answer.trouble = _checked(said.get("trouble"))
            answer.changed = [str(name) for name in said.get("changed") or ()][:9]
            answer.results = _arrays(room / f"out-{number}.npz")
            names = said.get("names")
            if not isinstance(names, list) or {str(n) for n in names} - answer.results.keys():
                lost = {"type": "BadResult", "message": "its results did not arrive whole"}
                answer.trouble = answer.trouble or lost
    if not loaded and loading.trouble is None:
        loading.trouble = _ended(ended, room, patient)
    if loaded and running >= 0:
        answers[running].trouble = _ended(ended, room, patient)
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
    for key in ("type", "message", "text", "where"):
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


def _ended(ended: str, room: Path, patient: Patient) -> dict[str, Any]:
    """Account for a process that ended without an answer."""
    if not ended.startswith("timeout "):
        _, code, printed = ended.split(" ", 2)
        return {"type": "Ended", "message": f"{_code(int(code))}{_last_line(printed)}"}
    trouble: dict[str, Any] = {"type": "Timeout", "message": f"{patient.confines.seconds:g} s"}
    try:
        stack = (room / "stack").read_text("utf-8", "replace")
    except OSError:
        return trouble
    for line in stack.splitlines():
        head = f'File "{patient.path}", line '
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


def _plain(value: Any) -> Any:
    """Make an option fit for JSON."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
