"""The state of a run in one file: everything needed to continue as if it had never stopped.

``last.safetensors`` holds the model, the optimiser's state, the history, and the progress of the
current epoch. Random numbers need no state, since each is keyed by its purpose. The file carries a
SHA-256 of its whole content, and the one before it is kept as ``previous.safetensors``.
"""

import errno
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import ceil
from pathlib import Path
from typing import Any

from clearconv.arrays import Array
from clearconv.errors import ModelFileError, RunError
from clearconv.files import write_atomically
from clearconv.layers import Node
from clearconv.layers.loading import load, load_with_extra
from clearconv.runs import files
from clearconv.runs.records.epoch import RECORD, EpochRecord, out_of_order
from clearconv.runs.records.schema import NUMBER, WHOLE, Many, Schema, damaged, wrong
from clearconv.saving.header import DamagedFileError


@dataclass
class SoFar:
    """The sums of the current epoch.

    Attributes
    ----------
    step : int
        Number of steps done.
    seen, right : int
        Number of images trained on, and of those classified correctly.
    loss : float
        Sum of the losses of the images seen.
    seconds : float
        Time spent, over all sessions.
    """

    step: int = 0
    seen: int = 0
    right: int = 0
    loss: float = 0.0
    seconds: float = 0.0


@dataclass
class Checkpoint:
    """A state read back.

    Attributes
    ----------
    model : Node
        Model with its weights, and in ``info`` the classes and the preprocessing.
    memory : dict
        State of the optimiser.
    history : list of EpochRecord
        One record per epoch.
    so_far : SoFar
        Sums of the current epoch.
    """

    model: Node
    memory: dict[str, Array]
    history: list[EpochRecord]
    so_far: SoFar


#: The part of a checkpoint about the run's progress.
PROGRESS: Schema = {
    "history": Many(RECORD),
    "so_far": {"step": WHOLE, "seen": WHOLE, "right": WHOLE, "loss": NUMBER, "seconds": NUMBER},
}

_SO_FAR = tuple(item.name for item in fields(SoFar))
_BEFORE = (
    "Put a whole copy back, or remove it: the run then continues from the checkpoint before it, if "
    "there is one, to the same weights."
)


def about_state(history: list[EpochRecord], so_far: SoFar) -> dict[str, Any]:
    """Return the part of a checkpoint's ``info`` about the run's progress."""
    return {
        "epoch": len(history),
        "history": [record.to_dict() for record in history],
        "so_far": asdict(so_far),
    }


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest state; a damaged one is refused, and nothing is removed.

    Without ``last.safetensors`` it is the state in ``previous.safetensors``: a user who removes a
    damaged file continues from the one before it.
    """
    last, previous = folder / files.LAST, folder / files.PREVIOUS
    if not last.exists() and not previous.exists():
        raise RunError(
            f"{folder} holds neither {files.LAST} nor {files.PREVIOUS}, so there is nothing to "
            "continue from. Start a new run: the same settings give the same weights."
        )
    if not last.exists():
        return _read(previous)
    try:
        return _read(last)
    except DamagedFileError as error:
        remedy = "There is no whole checkpoint before it; start a new run with the same settings."
        try:
            where = position(_read(previous))
            remedy = (
                f"The checkpoint before it is whole ({where}): remove {last} and resume again; "
                "the run continues from there to the same weights."
            )
        except (ModelFileError, RunError):
            pass
        raise RunError(f"{error} {remedy}") from None


def check_best(folder: Path, history: list[EpochRecord], best_epoch: int) -> None:
    """Raise now, not after hours of training, if the best model is not the one that was kept.

    A later epoch's model is fine: a kill came between writing it and the checkpoint, and the run
    will reach that epoch again.
    """
    path = folder / files.BEST
    remedy = "Put the file back, or start a new run with the same settings."
    try:
        model = load(path)
    except ModelFileError as error:
        raise ModelFileError(f"{error} {remedy}") from None
    epoch = model.info.get("epoch")
    kept = history[best_epoch - 1].weights_sha256
    later = isinstance(epoch, int) and epoch > len(history)
    if not later and model.store.fingerprint() != kept:
        raise RunError(f"{path} is not the model of epoch {best_epoch}, the best so far. {remedy}")


def position(state: Checkpoint) -> str:
    """Describe a state: ``after epoch 3, step 12``."""
    step = f", step {state.so_far.step}" if state.so_far.step else ""
    return f"after epoch {len(state.history)}{step}"


def write(path: Path, content: bytes, previous: Path | None = None) -> None:
    """Write a whole file of the run, or leave everything as it was and say what prevents it."""
    try:
        write_atomically(path, content, previous)
    except OSError as error:
        folder = path.parent
        remedies: Mapping[int | None, str] = {
            errno.ENOSPC: f"Free some space (for {_size(len(content))})",
            errno.EDQUOT: f"Free some space (for {_size(len(content))})",
            errno.EFBIG: "Allow larger files (ulimit -f)",
            errno.ENOENT: "Put the folder back, if it was moved",
        }
        remedy = remedies.get(error.errno, "Make the folder writable")
        if (folder / files.RUN).exists() or not folder.exists():
            rest = (
                "everything saved before is untouched, and "
                f"`clearconv.train.resume({str(folder)!r})` continues from there"
            )
        else:
            rest = "then start again: the run had not started"
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}. {remedy}; {rest}."
        ) from None


def _read(path: Path) -> Checkpoint:
    model, memory = load_with_extra(path)
    if not {"history", "so_far"} <= model.info.keys():
        raise RunError(
            f"{path} is a model, but not a checkpoint of a run: it does not say how far the run is."
        )
    if (found := wrong(model.info, PROGRESS)) is not None:
        raise damaged(path, found, _BEFORE)
    history = [EpochRecord.from_dict(plain) for plain in model.info["history"]]
    place, found = model.info["so_far"], out_of_order(history)
    if found is None and (place["step"] > 0) != (place["seen"] > 0 and place["seconds"] > 0):
        found = "so_far has steps without images or time, or the other way round"
    if found is not None:
        raise damaged(path, found, _BEFORE)
    return Checkpoint(model, memory, history, SoFar(**{name: place[name] for name in _SO_FAR}))


def _size(count: int) -> str:
    return f"{ceil(count / 1e6):,} MB"
