"""A run folder: what a run is, and where it stands, written so that a kill leaves it whole.

::

    run.json           settings, versions, CPU variant, data with file hashes
    split.json         which image is in which part
    history.jsonl      a line an epoch, with a SHA-256 of the weights
    last.safetensors   model, optimiser and history after the last epoch: where --resume goes on
    best.safetensors   the model of the epoch with the best validation: what predict uses
    result.json        the test, once the run is finished

``last.safetensors`` is the one truth about progress; ``history.jsonl`` is written after it, from
it. Each file takes its name only when it is complete.
"""

import json
import platform
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from clearconv import __version__
from clearconv._files import write_atomically
from clearconv.data import Preprocessing, Source, Split, write_split
from clearconv.errors import ArgumentError, RunError
from clearconv.layers import Node
from clearconv.layers.model_file import load_with_extra, to_bytes
from clearconv.ops._backend import variant
from clearconv.optim import Optimiser
from clearconv.train.settings import Settings


@dataclass
class Run:
    """A run in progress.

    Attributes
    ----------
    folder : Path
        Where it is kept.
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
    history : list of dict
        A record an epoch.
    """

    folder: Path
    settings: Settings
    source: Source
    split: Split
    preprocessing: Preprocessing
    model: Node
    optimiser: Optimiser
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """Return how many epochs are behind."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Return the epoch, from 1, with the best validation accuracy; the lower loss of equals."""
        best = max(
            self.history,
            key=lambda r: (r["validation_accuracy"], -r["validation_loss"], -r["epoch"]),
        )
        return int(best["epoch"])

    def begin(self) -> None:
        """Make the folder, and write what does not change during the run."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"The run folder {self.folder} cannot be made ({error.strerror}). Choose another "
                "with --out."
            ) from None
        about = {
            "clearconv": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
            "cpu_variant": variant(),
            "settings": self.settings.to_dict(),
            "data": describe_data(self.source),
        }
        write_json(self.folder / "run.json", about)
        write_split(self.folder / "split.json", self.split, self.source)

    def save_epoch(self) -> None:
        """Write the state after an epoch; the best model first, so that `last` never lies."""
        self.model.info = {
            "classes": list(self.source.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "epoch": self.epochs_done,
            "history": self.history,
        }
        if self.best_epoch == self.epochs_done:
            write_atomically(self.folder / "best.safetensors", to_bytes(self.model))
        state = to_bytes(self.model, self.optimiser.state())
        write_atomically(self.folder / "last.safetensors", state)
        self.write_history()

    def write_history(self) -> None:
        """Write ``history.jsonl`` anew from the records."""
        lines = "".join(json.dumps(record) + "\n" for record in self.history)
        write_atomically(self.folder / "history.jsonl", lines.encode())

    def take_up(self) -> None:
        """Go on from ``last.safetensors``; from the beginning where no epoch was finished."""
        path = self.folder / "last.safetensors"
        if not path.exists():
            return
        saved, memory = load_with_extra(path)
        self.model.load_state_dict(saved.state_dict())
        self.optimiser.load_state(memory)
        self.history = list(saved.info["history"])
        self.write_history()


def free_folder(out: Path | None, data: str) -> Path:
    """Return where a new run may go: `out`, or the first free ``runs/NAME-N``; not made yet.

    Never inside the data, where it would be taken for images: if that is where we are, the default
    is beside the data.
    """
    root = None if data == "digits" else Path(data).resolve()
    if out is None:
        runs = Path("runs")
        if root is not None and runs.resolve().is_relative_to(root):
            runs = root.parent / "runs"
        name = data if root is None else root.name
        numbered = (runs / f"{name}-{number}" for number in count(1))
        out = next(folder for folder in numbered if not folder.exists())
    if root is not None and out.resolve().is_relative_to(root):
        raise ArgumentError(
            f"The run folder {out} would lie inside the data ({root}), where it would be taken "
            "for images. Choose another place with --out."
        )
    if (out / "run.json").exists():
        raise ArgumentError(
            f"{out} holds a run already. Go on with it (--resume {out}), or choose another folder "
            "with --out."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArgumentError(f"{out} exists and is not an empty folder. Choose another with --out.")
    return out


def describe_data(source: Source) -> dict[str, Any]:
    """Return what identifies the data: kind, classes, and the hash of every file."""
    return {
        "name": source.name,
        "kind": source.kind,
        "root": None if source.root is None else str(source.root.resolve()),
        "classes": list(source.classes),
        "images": len(source),
        "sha256": source.sha256(),
    }


def check_unchanged(folder: Path, then: dict[str, Any], source: Source) -> None:
    """Raise if the data are not, file by file, those the run was started with."""
    before, now = then["sha256"], source.sha256()
    changes = [
        f"{len(names)} {what} (such as {names[0]})"
        for what, names in (
            ("changed", sorted(f for f in before.keys() & now.keys() if before[f] != now[f])),
            ("missing", sorted(before.keys() - now.keys())),
            ("new", sorted(now.keys() - before.keys())),
        )
        if names
    ]
    if not changes and tuple(then["classes"]) == source.classes:
        return
    what = "; ".join(changes) or f"classes {then['classes']} became {list(source.classes)}"
    raise RunError(
        f"{folder}: the data are not those the run was started with: files {what}. A resumed run "
        "must see the same data; put them back, or start a new run."
    )


def read_run(folder: Path) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    path = folder / "run.json"
    if not path.is_file():
        raise RunError(
            f"{folder} is not a run folder: it has no run.json. Give the folder that "
            "'clearconv train' named, such as runs/photos-1."
        )
    about = read_json(path)
    if not isinstance(about, dict) or not {"settings", "data"} <= about.keys():
        raise RunError(f"{path} is damaged: it does not say what the run's settings and data are.")
    return about


def data_place(folder: Path, about: dict[str, Any]) -> str:
    """Return where the run's data are."""
    root = about["data"]["root"]
    if root is None:
        return str(about["settings"]["data"])
    if not Path(root).exists():
        raise RunError(
            f"{folder}: the data are no longer at {root}. Say where they are now: clearconv train "
            f"--resume {folder} DATA, or clearconv evaluate {folder} DATA."
        )
    return str(root)


def same_data(then: dict[str, Any], source: Source) -> bool:
    """Tell whether the data are, file by file, those of a run."""
    return bool(then["sha256"] == source.sha256() and set(then["classes"]) == set(source.classes))


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file of the run."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that is whole or not there."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())
