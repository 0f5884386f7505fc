"""``verify_onnx``: what several engines make of a file, compared with what it must give."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data import Preprocessing, load_image
from clearconv.data.images.given_image import image_pixels
from clearconv.errors import DataError, ModelFileError
from clearconv.exchange.onnx import names
from clearconv.exchange.onnx.package import onnx_package
from clearconv.exchange.onnx.verifying import child
from clearconv.exchange.onnx.verifying.engines import ENGINES, Engine
from clearconv.exchange.onnx.verifying.parts import difference, parting
from clearconv.exchange.onnx.writing.golden import TOLERANCE
from clearconv.runs.evaluation import evenly_spaced

#: The same for an engine that prepares pictures in float32, with some pixels off by one level.
ROUGH = 5e-3

#: Most pictures that engines are compared on, and their shorter side where a file states none.
MOST_IMAGES, _SIDE = 100, 512

_MOST_BYTES = 2**31  # of a file: protobuf's limit
_SECONDS = 120  # for one engine
_MEMORY, _PER_BYTE = 3 * 2**30, 8  # for one engine, with what the file's bytes become


@dataclass(frozen=True)
class Checked:
    """What one engine made of a file.

    Attributes
    ----------
    engine : str
        Name of the engine.
    version : str
        Its version.
    difference : float or None
        Largest difference of logits, relative to the largest of them or to 1; None if it did not
        run.
    same, images : int
        Number of inputs with the same answer, of those whose two largest logits are further apart
        than ten tolerances.
    milliseconds : float or None
        Time of one input, on one thread.
    whole : bool
        Whether it ran the whole file, or the network alone, without the preprocessing.
    tolerance : float
        Largest difference that is no drift.
    why : str
        Why it did not run, or not the whole file; "" if it did.
    parts_at : str
        The first operator where it departs from an engine that is right; "" if it does not.
    """

    engine: str
    version: str
    difference: float | None
    same: int
    images: int
    milliseconds: float | None
    whole: bool
    tolerance: float
    why: str
    parts_at: str

    @property
    def drifts(self) -> bool:
        """Whether the engine ran, and gave something else."""
        if self.difference is None:
            return False
        return not self.difference <= self.tolerance or self.same < self.images


@dataclass(frozen=True)
class Verification:
    """What all installed engines made of a file.

    Attributes
    ----------
    file : Path
        The file.
    checked : tuple of Checked
        One for each engine.
    images : int
        Number of pictures, beside the golden one, on which the engines were compared.
    """

    file: Path
    checked: tuple[Checked, ...]
    images: int

    @property
    def holds(self) -> bool:
        """Whether an engine ran and none drifts."""
        ran = [each for each in self.checked if each.difference is not None]
        return bool(ran) and not any(each.drifts for each in self.checked)


def verify_onnx(file: str | Path, images: Sequence[str | Path] = ()) -> Verification:
    """Run a file's golden input in every engine that is installed.

    Each engine has a process of its own, whose memory is limited.

    Parameters
    ----------
    file : str or Path
        A file that ``export_onnx`` wrote.
    images : sequence of str or Path
        Pictures on which the engines are compared with the first that is right; of more than 100,
        so many at equal distances. Large ones are reduced to twice the size that the file reduces
        them to.

    Returns
    -------
    Verification

    Raises
    ------
    ModelFileError
        If the file cannot be read, or has no golden input.
    DataError
        If a picture cannot be read, or the file does not say how to prepare it.
    ArgumentError
        If the package onnx is not installed.
    """
    file = Path(file)
    onnx_package()
    memory = _MEMORY + _PER_BYTE * _checked_size(file)
    with tempfile.TemporaryDirectory(prefix="clearconv-verify-") as name:
        task = _Task(Path(name), file.resolve(), memory)
        claims = task.answer("read")
        if "error" in claims:
            raise ModelFileError(f"{file} cannot be verified: {claims['error']}.")
        inputs: dict[str, Any] = task.outputs(child.INPUTS)
        chosen = [images[i] for i in evenly_spaced(len(images), MOST_IMAGES)] if images else []
        for number, path in enumerate(chosen):
            inputs[f"image{number}"] = _prepared(path, claims, file)
        np.savez(task.folder / child.INPUTS, **inputs)
        expected = {"golden": np.array(claims["logits"])}
        found, right = [], ""
        for key, engine in ENGINES.items():
            if find_spec(engine.package) is None:
                continue
            answer = task.answer("run", engine=key)
            logits = {} if "error" in answer else task.outputs(child.OUTPUTS)
            checked = _judged(engine, answer, logits, expected)
            ran = checked.difference is not None
            if ran and not checked.drifts and engine.exact and not right:
                right, expected = key, {**logits, **expected}
            found.append((key, checked))
        located = tuple(_located(task, key, checked, right) for key, checked in found)
        return Verification(file, located, len(chosen))


class _Task:
    """Tasks that are carried out by other processes, in one folder."""

    def __init__(self, folder: Path, file: Path, memory: int) -> None:
        self.folder, self._file, self._memory = folder, file, memory

    def answer(self, task: str, **more: Any) -> dict[str, Any]:
        """Have a task carried out, and return the answer, with "error" if there is none."""
        request = {"task": task, "file": str(self._file), "memory": self._memory, **more}
        (self.folder / child.REQUEST).write_text(json.dumps(request))
        (self.folder / child.ANSWER).unlink(missing_ok=True)
        quiet = {"ORT_DISABLE_TELEMETRY": "1", "OPENVINO_LOG_LEVEL": "0"}
        try:
            done = subprocess.run(
                [sys.executable, "-m", child.__name__, str(self.folder)],
                env={**os.environ, **quiet},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it did not end within {_SECONDS} seconds"}
        try:
            answer: dict[str, Any] = json.loads((self.folder / child.ANSWER).read_text())
            return answer
        except (OSError, ValueError):
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            words = f": {last[0]}" if last else ""
            return {"error": f"the process ended with code {done.returncode}{words}"}

    def outputs(self, name: str) -> dict[str, Any]:
        """Return the arrays that the last task left."""
        with np.load(self.folder / name) as arrays:
            return dict(arrays)


def _checked_size(file: Path) -> int:
    """Return the number of bytes of a file that is one and is not too large."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not a file"
        what = what if file.exists() else "does not exist"
        raise ModelFileError(f"{file} {what}; an .onnx file is expected.")
    size = file.stat().st_size
    if size > _MOST_BYTES:
        raise ModelFileError(f"{file} has {size:,} bytes, but an ONNX file ends at 2 GiB.")
    return size


def _prepared(path: str | Path, claims: dict[str, Any], file: Path) -> Any:
    """Return a picture as the file takes it."""
    settings = claims["preprocessing"]
    if claims["input"] == names.IMAGE:
        side = Preprocessing.from_dict(settings).side if settings is not None else None
        return load_image(path, 2 * (side or _SIDE))
    if settings is None:
        raise DataError(
            f"{file} takes tensors and does not say how pictures are prepared, so that it can be "
            "verified only without `images`."
        )
    how = Preprocessing.from_dict(settings)
    return how(image_pixels(path, how))


def _judged(
    engine: Engine, answer: dict[str, Any], logits: dict[str, Any], expected: dict[str, Any]
) -> Checked:
    """Compare an engine's logits with those that are expected."""
    title, version = engine.title, answer.get("version", "")
    if "error" in answer:
        return Checked(title, version, None, 0, 0, None, False, 0.0, answer["error"], "")
    whole, why = bool(answer["whole"]), "" if answer["whole"] else answer["why"]
    tolerance = TOLERANCE if engine.exact or not whole else ROUGH
    off, same, clear = 0.0, 0, 0
    for key, right in expected.items():
        given = logits[key]
        if given.size != right.size or not np.isfinite(given).all():
            off = float("inf")
            continue
        off = max(off, difference(right, given))
        first, second = np.sort(right)[::-1][:2] if right.size > 1 else (1.0, 0.0)
        if first - second > 10 * tolerance * max(1.0, np.abs(right).max()):
            clear, same = clear + 1, same + int(given.argmax() == right.argmax())
    time = answer["milliseconds"]
    return Checked(title, version, off, same, clear, time, whole, tolerance, why, "")


def _located(task: _Task, key: str, checked: Checked, right: str) -> Checked:
    """Add where an engine departs from one that is right."""
    if not checked.drifts:
        return checked
    if not right:
        return _with(checked, "no engine gives the logits of the file, whose numbers have changed")
    values = []
    for engine in (right, key):
        answer = task.answer("show", engine=engine, whole=checked.whole)
        if "error" in answer:
            return _with(checked, f"unknown: {answer['error']}")
        found = task.outputs(child.OUTPUTS)
        values.append({name: found[str(i)] for i, name in enumerate(answer["names"])})
    model = onnx_package().load_model(str(task._file), load_external_data=False)
    place = parting(model, values[0], values[1], checked.tolerance)
    return _with(checked, place or "nowhere, while every value is looked at")


def _with(checked: Checked, place: str) -> Checked:
    return replace(checked, parts_at=place)
