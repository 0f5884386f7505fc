"""The process in which a learner's code runs. It reads a request, and writes what happened.

Every answer is one line of JSON in ``answers``; a result's place in ``arrays`` is part of it.
What was answered before a hang or a crash stays.
"""

import faulthandler
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clearconv.doctor.adapt.results import BadResult
from clearconv.doctor.adapt.runner import Outcome, Runner
from clearconv.doctor.adapt.values import NoValue
from clearconv.doctor.doubt import doubts_result
from clearconv.doctor.find import find
from clearconv.doctor.layout import LAYOUTS
from clearconv.doctor.load import load, load_definitions
from clearconv.doctor.named import Named

LARGEST = 4 << 20  # bytes of one case's results; our own take thousands
_OPEN_FILES = 256


def main(folder: str) -> None:
    """Serve the request in this folder.

    Parameters
    ----------
    folder : str
        Folder with ``request.json`` and ``in.npz``. The request names open files for the output.
    """
    room = Path(folder)
    request = json.loads((room / "request.json").read_text())
    with np.load(room / "in.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    path = Path(request["file"])
    source = path.read_text("utf-8-sig", "replace")
    sys.path[:0] = [str(path.parent)]
    os.chdir(path.parent)
    sys.argv = [str(path)]
    answers = os.fdopen(request["answers"], "a")
    kept = os.fdopen(request["arrays"], "ab")
    stack = os.fdopen(request["stack"], "a")
    faulthandler.register(signal.SIGUSR1, file=stack, all_threads=False)
    _confine(request)

    def answer(**said: Any) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    answer(part="loading")
    try:
        module = (load_definitions if request["definitions"] else load)(path, source)
    except BaseException as error:  # sys.exit and Ctrl-C among them: it is their code
        answer(part="loading", trouble=_trouble(error, path))
        return
    answer(part="loaded")
    if request["found"] is None:
        return
    named = [Named(**{**one, "roles": tuple(one["roles"]), "returns": tuple(one["returns"])})
             for one in request["named"]]  # fmt: skip
    found = find(source, named)[request["found"]]
    np.random.seed(request["seed"])  # noqa: NPY002 - the learner's code draws from it
    for number, job in enumerate(request["jobs"]):
        runner = Runner(found, vars(module), LAYOUTS[found.kind][job["layout"]])
        given = _inputs(arrays, job["case"])
        _one(number, job, runner, given, kept, path, source, answer)


def _one(
    number: int,
    job: dict[str, Any],
    runner: Runner,
    inputs: dict[str, Any],
    kept: BinaryIO,
    path: Path,
    source: str,
    answer: Any,
) -> None:
    """Run one case; report whatever happens."""
    outcome = Outcome()
    answer(job=number, part="running")
    trouble = None
    try:
        options = {key: _pair(value) for key, value in job["options"].items()}
        with np.errstate(all="ignore"):
            runner.run(inputs, options, job["calls"], outcome)
    except BaseException as error:
        trouble = _trouble(error, path)
        if "line" in trouble and doubts_result(error.__traceback__, str(path), source, inputs):
            trouble["about"] = "result"
    kept.seek(0, os.SEEK_END)
    begin, names = kept.tell(), []
    for name, value in outcome.results.items():
        if not isinstance(value, np.ndarray):
            continue
        if kept.tell() - begin + value.nbytes > LARGEST:
            trouble = trouble or {
                "type": "TooLarge",
                "message": f"{name} has shape {value.shape}: far more numbers than expected",
            }
            continue
        np.save(kept, value, allow_pickle=False)
        names.append(name)
    kept.flush()
    answer(
        job=number,
        part=outcome.part,
        trouble=trouble,
        changed=outcome.changed,
        order=outcome.order,
        names=names,
        begin=begin,
    )


def _inputs(arrays: dict[str, Any], case: int) -> dict[str, Any]:
    prefix = f"{case}/"
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _trouble(error: BaseException, path: Path) -> dict[str, Any]:
    """Describe an exception, with the learner's own line that it came from."""
    trouble: dict[str, Any] = {
        "type": type(error).__name__,
        "message": " ".join(str(error).split())[:300],
    }
    ours = isinstance(error, NoValue | BadResult)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    if frames and not ours:
        trouble |= {"line": frames[-1].lineno, "text": frames[-1].line, "where": frames[-1].name}
    elif isinstance(error, SyntaxError) and error.filename == str(path):
        trouble |= {"line": error.lineno, "text": (error.text or "").strip()}
    elif isinstance(error, Exception) and not ours and not isinstance(error, MemoryError):
        trouble["message"] = f"in clearconv itself: {trouble['message']}"
    return trouble


def _confine(request: dict[str, Any]) -> None:
    """Limit the resources of the process."""
    memory, seconds = request["memory"], request["seconds"]
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 2),
        (resource.RLIMIT_FSIZE, request["bytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, most = resource.getrlimit(what)
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing too much is an error, not the end
