"""A separate process for a learner's code, with limits on time and memory."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from clearconv.doctor.answers import Answer, read
from clearconv.doctor.kinds import Case
from clearconv.doctor.named import Named
from clearconv.doctor.room import Room, room

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
    """The limits of a learner's code.

    Attributes
    ----------
    seconds : float
        Wall-clock time for loading the file and for each layer.
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
        Number of the layout among the kind's.
    calls : int
        Number of calls on the same object.
    """

    case: Case
    layout: int = 0
    calls: int = 1


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
        Whether to run only its definitions.
    confines : Confines
        Limits of time and memory.
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
        Number of the layer among those found in it; None to load the file only.
    jobs : sequence of Job
        The cases.

    Returns
    -------
    loading : Answer
        ``trouble`` is set if the file could not be loaded.
    answers : list of Answer
        One outcome per job.
    """
    with room() as own:
        _write(own, patient, found, jobs)
        ended = _process(own, patient)
        return read(own, len(jobs), ended, patient.path)


def _write(own: Room, patient: Patient, found: int | None, jobs: Sequence[Job]) -> None:
    cases = list({id(job.case): job.case for job in jobs}.values())
    place = {id(case): number for number, case in enumerate(cases)}
    arrays = {f"{i}/{k}": v for i, case in enumerate(cases) for k, v in case.arrays.items()}
    np.savez(own.path / "in.npz", **arrays)  # type: ignore[arg-type]
    request = {
        "file": str(patient.path),
        "answers": own.answers,
        "arrays": own.arrays,
        "stack": own.stack,
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
    (own.path / "request.json").write_text(json.dumps(request))


def _process(own: Room, patient: Patient) -> str:
    """Run the child to its end, or end it; return how it ended."""
    settings = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _CODE]
    child = subprocess.Popen(
        [*command, json.dumps([p for p in sys.path if p]), str(own.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**kept, **settings, "TMPDIR": str(own.path)},
        cwd=patient.path.parent,
        pass_fds=(own.answers, own.arrays, own.stack),
        start_new_session=True,
    )
    own.watch(child.pid)
    assert child.stdout is not None
    printed = bytearray()
    with child.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        try:
            ended = _wait(child, pipe, printed, own, patient.confines.seconds)
        finally:
            _end(child)
            own.watch(None)
        _drain(pipe, printed)
    return ended or f"ended {child.returncode} {printed.decode('utf-8', 'replace')}"


def _wait(
    child: subprocess.Popen[bytes], pipe: IO[bytes], printed: bytearray, own: Room, seconds: float
) -> str:
    """Wait; a child that takes too long writes where it is, and is killed."""
    begun, clock = False, time.monotonic()
    while child.poll() is None:
        select.select([pipe], [], [], 0.01)
        if not _drain(pipe, printed):
            time.sleep(0.01)
        if not begun and os.fstat(own.answers).st_size > 0:
            begun, clock = True, time.monotonic()
        if time.monotonic() - clock > (seconds if begun else _STARTING + seconds):
            os.kill(child.pid, signal.SIGUSR1)
            _settle(child, time.monotonic() + 0.5, own.stack)
            return f"timeout {seconds:g}"
    return ""


def _settle(child: subprocess.Popen[bytes], until: float, stack: int) -> None:
    while time.monotonic() < until and child.poll() is None:
        time.sleep(0.01)
        if os.fstat(stack).st_size > 0:
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
    """Read what is printed, so that the child does not wait; keep the end of it."""
    try:
        chunk = os.read(pipe.fileno(), 1 << 20)
    except BlockingIOError:
        return 0
    kept += chunk
    del kept[:-_KEPT_OUTPUT]
    return len(chunk)


def _plain(value: Any) -> Any:
    """Make an option fit for JSON."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
