"""A run folder: what a run is, and where it stands, written so that a kill leaves it whole.

::

    run.json           settings, versions, CPU variant, data with file hashes
    split.json         which image is in which part
    history.jsonl      a line an epoch, with a SHA-256 of the weights
    last.safetensors   model, optimiser, history and place in the epoch: where `resume` goes on
    previous.safetensors  the checkpoint before that one
    best.safetensors   the model of the best epoch: what predict uses
    result.json        the test, once the run is finished

``last.safetensors`` is the one truth about progress: ``best.safetensors`` is written before it,
``history.jsonl`` after it, from it. Each file takes its name only when it is complete. A new run
writes ``run.json`` last, so that a folder with that file can be resumed.
"""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from clearconv.data import Preprocessing, Source, Split, write_split
from clearconv.data.batches.batches import bounds
from clearconv.data.sources.source import composed
from clearconv.errors import ClearconvError, RunError
from clearconv.files import sweep
from clearconv.layers import Node
from clearconv.ops.tellings import variant
from clearconv.optim import Optimiser
from clearconv.runs import files, records
from clearconv.runs.best import best_epoch
from clearconv.runs.checkpoint import (
    Checkpoint,
    SoFar,
    about_state,
    check_best,
    write,
)
from clearconv.runs.evaluation import Indices
from clearconv.runs.settings import OWN, Settings
from clearconv.version import __version__
from clearconv.words import utf8

#: What to do about a damaged ``run.json`` or ``split.json``.
_COPY = "Put a whole copy back; the models beside it (.safetensors) can be used without it."

#: Values of an epoch's record that differ from one run to the next.
_TIMES = ("seconds", "images_per_second")


@dataclass
class Run:
    """A run in progress.

    Attributes
    ----------
    settings : Settings
        What determines it.
    source, split
        The data and their parts.
    preprocessing : Preprocessing
        Of the model.
    model : Node
        Being trained.
    optimiser : Optimiser
        With its memory.
    kept_in : Path, optional
        The run folder; None before the run has begun.
    history : list of dict
        A record an epoch.
    so_far : SoFar
        What the epoch under way has come to.
    saved : (int, int)
        Epochs done, and steps of the epoch under way, in the last checkpoint.
    smallest_batch : int
        A last batch with fewer images joins the one before it; the network's when the run began.
    """

    settings: Settings
    source: Source
    split: Split
    preprocessing: Preprocessing
    model: Node
    optimiser: Optimiser
    kept_in: Path | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    so_far: SoFar = field(default_factory=SoFar)
    saved: tuple[int, int] = (-1, 0)
    smallest_batch: int = 1

    def __post_init__(self) -> None:
        """Begin whole, and with nothing saved."""
        self._whole, self._due = True, 0.0

    @property
    def folder(self) -> Path:
        """Return the run folder."""
        if self.kept_in is None:
            raise RunError(
                "This run is prepared and has not begun, so it has no folder. Begin it first: "
                "clearconv.train.new_run(data, ...)."
            )
        return self.kept_in

    @property
    def epochs_done(self) -> int:
        """Return how many epochs are behind."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Return the epoch, from 1, whose model is kept; see ``clearconv.runs.best``."""
        return best_epoch(self.history)

    @property
    def batches(self) -> Indices:
        """Return where each batch of an epoch begins, and where the last one ends."""
        return bounds(len(self.split.train), self.settings.batch_size, self.smallest_batch)

    @property
    def steps(self) -> int:
        """Return the number of steps in an epoch."""
        return len(self.batches) - 1

    @property
    def joined(self) -> str | None:
        """Say that the last two batches of each epoch are one, where that is so."""
        last, batch_size = int(np.diff(self.batches)[-1]), self.settings.batch_size
        if last <= batch_size:
            return None
        return (
            f"the last batch of each epoch has {last} images: a batch of {last - batch_size} would "
            "be too small for batch norm"
        )

    @property
    def network(self) -> str:
        """Say what is trained: ``clearnet: 1,227,171 parameters, input 3 x 128 x 128``."""
        size = " x ".join(map(str, self.model.input_shape))
        name = network_name(self.settings)
        return f"{name}: {self.model.summary().parameters:,} parameters, input {size}"

    def begin(self, folder: Path) -> None:
        """Write into its folder what does not change, and the state before the first step."""
        self.kept_in = folder
        sweep(folder)
        for name in (files.LAST, files.PREVIOUS):  # of an attempt killed before it had begun
            (folder / name).unlink(missing_ok=True)
        about = {
            "clearconv": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
            "cpu_variant": variant(),
            "settings": self.settings.to_dict(),
            "smallest_batch": self.smallest_batch,
            "model": self.model.spec(),
            "data": describe_data(self.source),
        }
        try:
            write_split(folder / files.SPLIT, self.split, self.source)
            self.save()
            write_json(folder / files.RUN, about)
        except OSError as error:
            raise RunError(
                f"The run folder {self.folder} cannot be written ({error.strerror}). Choose "
                "another with `out`."
            ) from None

    def take_up(self, state: Checkpoint) -> None:
        """Go on from a checkpoint, whose model is this run's."""
        sweep(self.folder)
        if state.so_far.step > self.steps:
            raise RunError(
                f"{self.folder}: the checkpoint stands after step {state.so_far.step} of an epoch, "
                f"but an epoch of this run has {self.steps}. Put whole copies of {files.LAST} "
                f"and {files.SPLIT} back."
            )
        self.optimiser.load_state(state.memory)
        self.history, self.so_far = state.history, state.so_far
        if self.history:
            check_best(self.folder, self.history, self.best_epoch)
        self._note_saved(0.0)
        self.write_history()

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Mark a step: where it breaks off, the state is neither the old nor the new one."""
        self._whole = False
        yield
        self._whole = True

    def end_epoch(self, record: dict[str, Any]) -> None:
        """Take an epoch into the history, and save."""
        self.history.append(record)
        self.so_far = SoFar()
        self.save()

    def save_if_due(self) -> None:
        """Save if the last time was long enough ago."""
        if monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Write the state, if it is whole and not written yet.

        The best model comes first: a kill between the two leaves an older checkpoint, and the
        resumed run writes the same best model again. Never the other way round.
        """
        if not self._whole or self.saved == (self.epochs_done, self.so_far.step):
            return
        start = monotonic()
        self.model.info = {
            "classes": list(self.source.classes),
            "preprocessing": self.preprocessing.to_dict(),
            **about_state(self.history, self.so_far),
        }
        ended = self.epochs_done > 0 and self.so_far.step == 0
        if ended and self.best_epoch == self.epochs_done:
            timed = self.model.info["history"]
            self.model.info["history"] = list(map(_without_times, timed))
            write(self.folder / files.BEST, self.model.to_bytes())
            self.model.info["history"] = timed
        state = self.model.to_bytes(self.optimiser.state())
        write(self.folder / files.LAST, state, previous=self.folder / files.PREVIOUS)
        self._note_saved(monotonic() - start)
        if ended:
            self.write_history()

    def write_history(self) -> None:
        """Write ``history.jsonl`` anew from the records."""
        lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in self.history)
        write(self.folder / files.HISTORY, lines.encode())

    def _note_saved(self, seconds: float) -> None:
        """Note what is saved, and when the next time is due: saving takes a twentieth at most."""
        self.saved = self.epochs_done, self.so_far.step
        every = self.settings.save_every
        self._due = monotonic() + (max(every, 20 * seconds) if every else 0.0)


def _without_times(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what the clock said, so that equal runs end in equal files."""
    return {name: value for name, value in record.items() if name not in _TIMES}


def network_name(settings: Settings) -> str:
    """Return what a run's network is called."""
    return "a network of your own" if settings.model == OWN else settings.model


def describe_data(source: Source) -> dict[str, Any]:
    """Return what identifies the data: kind, classes, and the hash of every file."""
    return {
        "name": source.name,
        "kind": source.kind,
        "root": None if source.root is None else str(source.root.resolve()),
        "classes": list(source.classes),
        "images": len(source),
        "side": source.side,
        "sha256": source.sha256(),
    }


def check_unchanged(folder: Path, then: dict[str, Any], source: Source) -> None:
    """Raise if the data are not, file by file, those the run was started with."""
    before, now = then["sha256"], source.sha256()
    changes = [
        f"{len(names):,} {what} file{'s' if len(names) > 1 else ''} (such as {names[0]})"
        for what, names in (
            ("changed", sorted(f for f in before.keys() & now.keys() if before[f] != now[f])),
            ("missing", sorted(before.keys() - now.keys())),
            ("new", sorted(now.keys() - before.keys())),
        )
        if names
    ]
    if not changes and tuple(map(composed, then["classes"])) == source.classes:
        return
    what = "; ".join(changes) or f"classes {then['classes']} became {list(source.classes)}"
    raise RunError(
        f"{folder}: the data are not those the run was started with: {what}. A run must see the "
        "same data: put them back as they were, or start a new run."
    )


def read_run(folder: Path) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    path = folder / files.RUN
    if (folder / files.FOLDS).is_file():
        raise RunError(
            f"{folder} holds the folds of a cross-validation, each of which is a run folder: give "
            f"one of them, such as {folder / files.fold(1)}. For a model that has learnt from all "
            "the images train again without folds."
        )
    if not path.is_file():
        raise RunError(
            f"{folder} is not a run folder: it has no {files.RUN}. Give the folder that "
            "training named, such as runs/photos-1."
        )
    about: dict[str, Any] = records.read(path, records.RUN, _COPY)
    return about


def read_settings(folder: Path, about: dict[str, Any]) -> Settings:
    """Return the settings that ``run.json`` holds.

    Raises
    ------
    RunError
        If they are not settings that this version knows.
    """
    try:
        return Settings.from_dict(about["settings"])
    except RunError:
        raise
    except (ClearconvError, TypeError) as error:  # a setting without a default is missing
        raise records.damaged(folder / files.RUN, f"its settings: {error}", _COPY) from None


def data_place(folder: Path, about: dict[str, Any], moved: str | None, call: str) -> str:
    """Return where the run's data are.

    Parameters
    ----------
    folder : Path
        The run folder.
    about : dict
        Content of its ``run.json``.
    moved : str, optional
        Call that takes the data from elsewhere, such as ``clearconv.train.resume({}, data=DATA)``,
        with braces for the folder; None where there is none.
    call : str
        Call that takes arrays again.

    Raises
    ------
    RunError
        If they are not there, or were arrays in memory.
    """
    root = about["data"]["root"]
    if about["data"]["kind"] == "arrays":
        raise RunError(
            f"{folder}: the data were arrays in memory, of which the run kept only a hash. Give "
            f"them again, in Python: {call}."
        )
    if root is None:
        return str(about["settings"]["data"])
    if not Path(root).exists():
        remedy = "Put them back, or give the file of an image."
        if moved is not None:
            remedy = f"Say where they are now: `{moved.format(repr(str(folder)))}`."
        raise RunError(f"{folder}: the data are no longer at {root}. {remedy}")
    return str(root)


def same_data(then: dict[str, Any], source: Source) -> bool:
    """Tell whether the data are, file by file, those of a run."""
    classes = set(map(composed, then["classes"]))
    return bool(then["sha256"] == source.sha256() and classes == set(source.classes))


def learnt_from(folder: Path, about: dict[str, Any], source: Source, indices: Indices) -> int:
    """Count the images that a run has learnt from or chosen its model by.

    Photographs are known by their bytes, whatever they are called; images within one large file by
    their names, if the files are the same.
    """
    then, now = about["data"]["sha256"], source.sha256()
    parts = records.read(folder / files.SPLIT, records.SPLIT, _COPY)
    learnt = {file for name in ("train", "validation") for file in parts[name]}
    named = [source.files[i] for i in indices]
    if source.kind == "photos":
        learnt = {then[file] for file in learnt if file in then}
        named = [now[file] for file in named]
    elif then != now:
        return 0
    return sum(file in learnt for file in named)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the records of the run's epochs."""
    return records.read_records(
        folder / files.HISTORY,
        "Put a whole copy back, or have it written anew from the last checkpoint: "
        f"`clearconv.train.resume({str(folder)!r})`",
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that is whole or not there."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write(path, utf8(text))
