"""One task of a verification, in a process of its own: ``python -m ...child FOLDER``.

A damaged or hostile file may make an engine take all memory, or end it. Here it can do neither to
the process that asked: memory is limited, and whatever happens is one answer.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data import Preprocessing
from clearconv.data.images.given_image import image_pixels
from clearconv.errors import ClearconvError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.verifying.claims import Claims, claims_of, parsed
from clearconv.exchange.onnx.verifying.engines import ENGINES, timed, version_of
from clearconv.exchange.onnx.verifying.parts import every_value, network_alone
from clearconv.exchange.onnx.writing.golden import tensor_of

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: Names of what is exchanged in the folder.
REQUEST, INPUTS, ANSWER, OUTPUTS = "request", "inputs.npz", "answer", "outputs.npz"

_GOLDEN = "golden"


def main(folder: Path) -> None:
    """Carry out the task in a folder, and write the answer there."""
    request = json.loads((folder / REQUEST).read_text())
    _limit(request["memory"])
    try:
        content = Path(request["file"]).read_bytes()
        answer = _TASKS[request["task"]](content, request, folder)
    except MemoryError:
        answer = {"error": f"it needs more than {request['memory'] / 2**30:.1f} GiB of memory"}
    except ClearconvError as error:
        answer = {"error": str(error)}
    (folder / ANSWER).write_text(json.dumps(answer))


def _read(content: bytes, request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the file says, and hand out its golden input."""
    found = claims_of(parsed(content))
    _save(folder / INPUTS, {_GOLDEN: found.codes})
    return {
        "input": found.input,
        "logits": found.logits,
        "labels": found.labels,
        "preprocessing": found.preprocessing,
    }


def _run(content: bytes, request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run an engine on all inputs: the whole file, or else the network alone."""
    engine, model = ENGINES[request["engine"]], parsed(content)
    claims = claims_of(model)
    answer: dict[str, Any] = {"version": version_of(engine)}
    inputs = dict(np.load(folder / INPUTS))
    alone = network_alone(model)
    for whole, part in ((True, content), (False, alone)):
        if part is None:
            continue
        try:
            run, logits, times = engine.load(part), {}, {}
            for key, codes in inputs.items():
                feeds = {claims.input if whole else names.TENSOR: _fed(codes, claims, whole, key)}
                found, times[key] = timed(run, feeds, [names.LOGITS], engine.repeats)
                logits[key] = np.asarray(found[0], np.float64).reshape(-1)
        except MemoryError:
            raise
        except Exception as error:  # an engine may raise anything
            answer.setdefault("why", _first_line(error))
            continue
        _save(folder / OUTPUTS, logits)
        return {**answer, "whole": whole, "milliseconds": float(np.median([*times.values()]))}
    return {**answer, "error": answer.get("why", "it does not run")}


def _show(content: bytes, request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run an engine on the golden input and hand out every value that it computes."""
    engine, model = ENGINES[request["engine"]], parsed(content)
    claims = claims_of(model)
    codes = dict(np.load(folder / INPUTS))[_GOLDEN]
    if not request["whole"]:
        model = parsed(network_alone(model) or content)
    shown, order = every_value(model)
    name = claims.input if request["whole"] else names.TENSOR
    try:
        found = engine.load(shown)({name: _fed(codes, claims, request["whole"], _GOLDEN)}, order)
    except MemoryError:
        raise
    except Exception as error:
        return {"error": _first_line(error)}
    _save(folder / OUTPUTS, {str(i): np.asarray(value) for i, value in enumerate(found)})
    return {"names": order}


def _fed(codes: Any, claims: Claims, whole: bool, key: str) -> Any:
    """Return what a model is given for an input."""
    if claims.input == names.IMAGE and not whole:
        how = Preprocessing.from_dict(claims.preprocessing or {})
        return np.ascontiguousarray(how(image_pixels(codes, how)))[np.newaxis]
    if claims.input == names.TENSOR:
        codes = tensor_of(codes) if key == _GOLDEN else codes
    return np.ascontiguousarray(codes[np.newaxis] if claims.many else codes)


def _save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'without a message'}"


def _limit(memory: int) -> None:
    """Let this process take no more than so many bytes."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


_TASKS = {"read": _read, "run": _run, "show": _show}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
