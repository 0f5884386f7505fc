"""A run folder: the definition and the state of a run, written so that a kill leaves it whole.

::

    run.json           settings, versions, CPU variant, data with file hashes
    split.json         which image is in which part
    history.jsonl      one line per epoch, with a SHA-256 of the weights
    last.safetensors   model, optimiser, history and place in the epoch: where `resume` continues
    previous.safetensors  the checkpoint before that one
    best.safetensors   the model of the best epoch, which predict uses
    result.json        the test, once the run is finished

``last.safetensors`` alone determines the progress: ``best.safetensors`` is written before it,
``history.jsonl`` after it, from it. Each file gets its name only when it is complete. A new run
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

from clearconv.arrays import Array
from clearconv.data import Preprocessing, Source, Split, write_split
from clearconv.data.batches.batches import bounds
from clearconv.errors import RunError
from clearconv.files import sweep
from clearconv.layers import Node
from clearconv.ops.tellings import variant
from clearconv.optim import Optimiser
from clearconv.runs import files
from clearconv.runs.best import best_epoch
from clearconv.runs.checkpoint import (
    Checkpoint,
    SoFar,
    about_state,
    check_best,
    write,
)
from clearconv.runs.evaluation import Integers
from clearconv.runs.records.about import DataRecord
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.settings import Settings
from clearconv.version import __version__
from clearconv.words import utf8


@dataclass
class Run:
    """A run in progress.

    Attributes
    ----------
    settings : Settings
        Settings that determine the run.
    source, split
        The data and their parts.
    preprocessing : Preprocessing
        Preprocessing of the model.
    model : Node
        Model in training.
    optimiser : Optimiser
        Optimiser with its state.
    kept_in : Path, optional
        The run folder; None before the run has started.
    history : list of EpochRecord
        One record per epoch.
    so_far : SoFar
        Sums of the current epoch.
    saved : (int, int)
        Number of epochs done, and of steps in the current epoch, in the last checkpoint.
    smallest_batch : int
        A last batch with fewer images joins the one before it; set when the run started.
    notes : tuple of str
        What a reader should know of the model that the run starts from; not kept on disk.
    weights : ndarray of shape (images,), optional
        Weight of each image of the source in the loss; all alike by default. Not saved: such a run
        cannot be resumed.
    """

    settings: Settings
    source: Source
    split: Split
    preprocessing: Preprocessing
    model: Node
    optimiser: Optimiser
    kept_in: Path | None = None
    history: list[EpochRecord] = field(default_factory=list)
    so_far: SoFar = field(default_factory=SoFar)
    saved: tuple[int, int] = (-1, 0)
    smallest_batch: int = 1
    notes: tuple[str, ...] = ()
    weights: Array | None = None

    def __post_init__(self) -> None:
        """Start in a whole state, with nothing saved."""
        self._whole, self._due = True, 0.0
        self._spared = 0.0  # until when epochs that are soon repeated need not be saved
        self._best: tuple[dict[str, Array], dict[str, Any]] | None = None

    @property
    def folder(self) -> Path:
        """Return the run folder."""
        if self.kept_in is None:
            raise RunError(
                "This run is prepared but not started, so it has no folder. Start it first: "
                "clearconv.train.new_run(data, ...)."
            )
        return self.kept_in

    @property
    def epochs_done(self) -> int:
        """Return the number of finished epochs."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Return the epoch, from 1, whose model is kept; see ``clearconv.runs.best``."""
        return best_epoch(self.history)

    @property
    def batches(self) -> Integers:
        """Return where each batch of an epoch starts, and where the last one ends."""
        return bounds(len(self.split.train), self.settings.batch_size, self.smallest_batch)

    @property
    def steps(self) -> int:
        """Return the number of steps in an epoch."""
        return len(self.batches) - 1

    @property
    def joined(self) -> str | None:
        """Return a note that the last two batches of each epoch are joined, if they are."""
        last, batch_size = int(np.diff(self.batches)[-1]), self.settings.batch_size
        if last <= batch_size:
            return None
        return (
            f"the last batch of each epoch has {last} images: a batch of {last - batch_size} would "
            "be too small for batch norm"
        )

    @property
    def network(self) -> str:
        """Describe the network: ``clearnet: 1,227,171 parameters, input 3 x 128 x 128``."""
        size = " x ".join(map(str, self.model.input_shape))
        name = self.settings.network
        return f"{name}: {self.model.summary().parameters:,} parameters, input {size}"

    def begin(self, folder: Path) -> None:
        """Write the unchanging files into the folder, and the state before the first step."""
        self.kept_in = folder
        sweep(folder)
        for name in (files.LAST, files.PREVIOUS):  # from an attempt killed before it had started
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
            "data": DataRecord.of(self.source).to_dict(),
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
        """Continue from a checkpoint, whose model is this run's."""
        sweep(self.folder)
        if state.so_far.step > self.steps:
            raise RunError(
                f"{self.folder}: the checkpoint is after step {state.so_far.step} of an epoch, "
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
        """Mark a step: if it is interrupted, the state is neither the old nor the new one."""
        self._whole = False
        yield
        self._whole = True

    def end_epoch(self, record: EpochRecord, sparing: bool = False) -> None:
        """Add an epoch to the history, and save.

        Parameters
        ----------
        record : EpochRecord
            Record of the epoch.
        sparing : bool
            Whether epochs take less time than saving: then it takes at most a twentieth of the
            time, unless the settings ask for more, and the best model waits in memory.
        """
        self.history.append(record)
        self.so_far = SoFar()
        if not (sparing and self.settings.save_every and monotonic() < self._spared):
            self.save()
        elif self.best_epoch == self.epochs_done:
            self._best = self.model.state_dict(), self._about_best()

    def save_if_due(self) -> None:
        """Save if the last time was long enough ago."""
        if monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Write the state, if it is whole and not yet written.

        The best model comes first: a kill between the two leaves an older checkpoint, and the
        resumed run writes the same best model again; never the other way round.
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
            self._write_best(self._about_best())
        elif self._best is not None:
            now = self.model.state_dict()
            self.model.load_state_dict(self._best[0])
            self._write_best(self._best[1])
            self.model.load_state_dict(now)
        state = self.model.to_bytes(self.optimiser.state())
        write(self.folder / files.LAST, state, previous=self.folder / files.PREVIOUS)
        self._note_saved(monotonic() - start)
        if ended:
            self.write_history()

    def _about_best(self) -> dict[str, Any]:
        """Return what the file of the best model says, now that its epoch has ended.

        Without times, so that equal runs end in equal files.
        """
        about = about_state(self.history, self.so_far)
        return {
            "classes": list(self.source.classes),
            "preprocessing": self.preprocessing.to_dict(),
            **about,
            "history": [each.to_dict(timed=False) for each in self.history],
        }

    def _write_best(self, about: dict[str, Any]) -> None:
        """Write the model, which is the best so far."""
        info, self.model.info = self.model.info, about
        write(self.folder / files.BEST, self.model.to_bytes())
        self.model.info, self._best = info, None

    def write_history(self) -> None:
        """Write ``history.jsonl`` again from the records."""
        lines = "".join(
            json.dumps(record.to_dict(), allow_nan=False) + "\n" for record in self.history
        )
        write(self.folder / files.HISTORY, lines.encode())

    def _note_saved(self, seconds: float) -> None:
        """Note what is saved, and when to save next: at most a twentieth of the time."""
        self.saved = self.epochs_done, self.so_far.step
        self._spared = monotonic() + 20 * seconds
        every = self.settings.save_every
        self._due = monotonic() + (max(every, 20 * seconds) if every else 0.0)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that is whole or not there."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write(path, utf8(text))
