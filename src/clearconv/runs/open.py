"""The one way to open a run on disk, or a model file, which may come from a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clearconv.arrays import Array, finite
from clearconv.data import Preprocessing, Source, Split, open_data, read_split
from clearconv.data.sources.source import composed, some_classes
from clearconv.errors import DataError, ModelFileError, RunError
from clearconv.layers import Node
from clearconv.layers.loading import load_with_extra
from clearconv.runs import files
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.evaluation import Integers
from clearconv.runs.given import Data, in_memory
from clearconv.runs.records.about import COPY, About
from clearconv.runs.records.epoch import EpochRecord, read_history
from clearconv.runs.records.result import is_finished
from clearconv.runs.records.schema import EPOCH, TABLE, TEXT, Many, Schema, damaged, read, wrong
from clearconv.runs.settings import Settings

#: Called as ``progress(done, total)`` while images are read.
Progress = Callable[[int, int], None]

_PARTS = ("train", "validation", "test")
_SPLIT: Schema = {"classes?": Many(TEXT), **{name: Many(TEXT) for name in _PARTS}}


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model with everything that it needs to predict.

    Attributes
    ----------
    model : Node
        Gives logits.
    classes : tuple of str
        Classes in the order of its outputs.
    preprocessing : Preprocessing
        Preprocessing of its images.
    abstainer : Abstainer or None
        When it gives no answer, if it may abstain; None in files of earlier versions.
    """

    model: Node
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    abstainer: Abstainer | None = None

    @classmethod
    def of(cls, path: Path, model: Node, extra: Mapping[str, Array] | None = None) -> "Trained":
        """Return the model with the classes and preprocessing that its file carries.

        Parameters
        ----------
        path : Path
            The file.
        model : Node
            The model in it.
        extra : dict, optional
            Arrays beside its weights.

        Raises
        ------
        ModelFileError
            If classes or preprocessing are missing or damaged, or do not fit the network; the
            message names the file.
        """
        try:
            names = Many(TEXT)
            if (found := wrong(model.info, {"classes": names, "preprocessing": TABLE})) is not None:
                raise DataError(found)
            preprocessing = Preprocessing.from_dict(model.info["preprocessing"])
            classes = tuple(composed(str(name)) for name in model.info["classes"])
        except (TypeError, DataError) as error:
            raise ModelFileError(
                f"{path} is a model without usable classes or preprocessing ({error}); it was not "
                "saved by a training run."
            ) from None
        if len(set(classes)) < len(classes):
            raise ModelFileError(
                f"{path} names a class twice ({some_classes(classes)}), so an answer would be "
                "ambiguous. It was not saved by a training run."
            )
        given, taken = (preprocessing.channels, *preprocessing.size), model.input_shape
        if given != taken or model.output_shape != (len(classes),):
            raise ModelFileError(
                f"{path}: its preprocessing gives {given} and it names {len(classes)} classes, but "
                f"its network takes {taken} and gives {model.output_shape}. It was not saved by a "
                "training run."
            )
        return cls(model, classes, preprocessing, Abstainer.of(path, model, extra or {}))

    def to_abstain(self, run: object) -> Abstainer:
        """Return when the model gives no answer.

        Parameters
        ----------
        run : Path
            The run folder, or the model file.

        Raises
        ------
        ModelFileError
            If its file does not say so.
        """
        if self.abstainer is None:
            raise ModelFileError(
                f"{run}: the model cannot abstain, because its file holds neither a temperature "
                "nor features of training images: it was made by an earlier version, or its run "
                "is not finished. Finish the run (`clearconv.train.resume(RUN)`, which also adds "
                "them to one that is finished), or leave `abstain` out."
            )
        return self.abstainer


@dataclass(frozen=True, eq=False)
class Opened:
    """A run on disk, or a model file; each part is read at first use.

    Attributes
    ----------
    path : Path
        The run folder, or the model file.
    run : About or None
        Content of ``run.json``; None for a model file, which has neither settings nor data.
    """

    path: Path
    run: About | None

    @property
    def about(self) -> About:
        """Return the content of ``run.json``; raise `RunError` for a model file."""
        if self.run is None and not self.path.exists():
            return About.read(self.path)  # raises: it is not a run
        if self.run is None:
            raise RunError(
                f"{self.path} is a model file, but a run folder is needed: a model file has no "
                "data and settings of its own."
            )
        return self.run

    @property
    def settings(self) -> Settings:
        """Return the settings of the run."""
        return self.about.settings

    @property
    def best(self) -> Path:
        """Return the file of the model."""
        return self.path if self.run is None else self.path / files.BEST

    @cached_property
    def trained(self) -> Trained:
        """Return the model that was kept, with classes and preprocessing.

        Raises
        ------
        ModelFileError
            If there is none yet, or it cannot be used.
        """
        if self.run is not None and not self.best.exists():
            raise ModelFileError(
                f"{self.path}: no epoch of this run is finished, so there is no model yet. "
                f"Continue it: `clearconv.train.resume({str(self.path)!r})`"
            )
        model, extra = load_with_extra(self.best)
        found = Trained.of(self.best, model, extra)
        for name, array in {**model.store.parameters, **model.store.buffers}.items():
            if not finite(array):
                raise ModelFileError(
                    f"{self.best}: {name} holds NaN or infinity, so the model cannot predict. "
                    "It was not saved by a training run; take another file."
                )
        return found

    @property
    def model(self) -> Node:
        """Return the model that was kept."""
        return self.trained.model

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the model's classes."""
        return self.trained.classes

    @property
    def preprocessing(self) -> Preprocessing:
        """Return the model's preprocessing."""
        return self.trained.preprocessing

    @cached_property
    def best_epoch(self) -> int:
        """Return the epoch, from 1, whose model was kept; it is in the history."""
        epoch: Any = self.model.info.get("epoch")
        if (found := wrong(epoch, EPOCH, "epoch")) is not None:
            raise damaged(self.best, found, "Put the file back, or train again.")
        if epoch > len(self.history):
            raise damaged(
                self.path / files.HISTORY,
                f"it has {len(self.history)} epochs, but the model is of epoch {epoch}",
                f"`clearconv.train.resume({str(self.path)!r})` writes it again.",
            )
        return int(epoch)

    @cached_property
    def history(self) -> list[EpochRecord]:
        """Return the records of the run's epochs."""
        return read_history(self.about.folder)

    @cached_property
    def finished(self) -> bool:
        """Return whether the run has been tested."""
        return is_finished(self.about.folder)

    def data(
        self,
        given: Data | None = None,
        *,
        moved: str | None,
        call: str,
        progress: Progress | None = None,
        to_train: bool = False,
    ) -> Source:
        """Open the run's data, and check that they are those with which it was started.

        Parameters
        ----------
        given : str, Path, Source, or (images, labels), optional
            Their path, or the data themselves; by default their path in the run.
        moved, call
            As for `place`.
        progress : callable, optional
            Called as ``progress(done, total)`` while images are read.
        to_train : bool
            Whether the run continues with them: photographs are then kept as large as they were,
            and a new class is noticed. Otherwise they are kept as the model needs them, and other
            classes are ignored.

        Raises
        ------
        RunError, DataError
            If they are missing, cannot be read, or are not the run's.
        """
        if given is None:
            given = self.place(moved, call)
        source = in_memory(given)
        if source is None:
            assert isinstance(given, str | Path)
            about = self.about
            classes = about.settings.classes if to_train else about.data.classes
            side = about.data.side if to_train else self.preprocessing.side
            source = open_data(
                given,
                classes,
                progress=progress,
                cache_side=side,
                definition=about.data.definition if to_train else self.preprocessing.definition,
            )
        self.check(source)
        return source

    def place(self, moved: str | None, call: str) -> str:
        """Return where the run's data are.

        Parameters
        ----------
        moved : str, optional
            Call that takes the data from elsewhere, such as
            ``clearconv.train.resume({}, data=DATA)``, with braces for the folder; None if there is
            no such call.
        call : str
            Call that takes the arrays again.

        Raises
        ------
        RunError
            If they are missing, or were arrays in memory.
        """
        root = self.about.data.root
        if self.about.data.kind == "arrays":
            raise RunError(
                f"{self.path}: the data were arrays in memory, of which the run kept only a hash. "
                f"Give them again, in Python: {call}."
            )
        if root is None:
            return str(self.about.plain["settings"]["data"])
        if not Path(root).exists():
            remedy = "Put them back, or give the file of an image."
            if moved is not None:
                remedy = f"Say where they are now: `{moved.format(repr(str(self.path)))}`."
            raise RunError(f"{self.path}: the data are no longer at {root}. {remedy}")
        return root

    def check(self, source: Source) -> None:
        """Raise `RunError` if opened data are not, file by file, those of the run."""
        if changes := self.about.data.changes(source):
            raise RunError(
                f"{self.path}: the data are not those the run was started with: {changes}. A run "
                "must see the same data: put them back as they were, or start a new run."
            )

    def split(self, source: Source) -> Split:
        """Return the parts of the run's data."""
        path = self.about.folder / files.SPLIT
        parts = read(path, _SPLIT, COPY)
        if empty := [name for name in _PARTS if not parts[name]]:
            found = f"{empty[0]} is empty, but a run has images in each part"
            raise damaged(path, found, COPY)
        return read_split(path, source)

    def learnt_from(self, source: Source, samples: Integers) -> int:
        """Count the samples from which the run has learnt or by which it chose its model.

        Photographs are identified by their bytes, whatever their names; images within one large
        file by their names, if the files are the same.
        """
        then, now = self.about.data.sha256, source.sha256()
        parts = read(self.about.folder / files.SPLIT, _SPLIT, COPY)
        learnt = {file for name in ("train", "validation") for file in parts[name]}
        named = [source.files[sample] for sample in samples]
        if source.kind == "photos":
            learnt = {then[file] for file in learnt if file in then}
            named = [now[file] for file in named]
        elif then != now:
            return 0
        return sum(file in learnt for file in named)


def open_run(run: str | Path | Opened) -> Opened:
    """Open a run folder, or a model file.

    Parameters
    ----------
    run : str, Path or Opened
        A run folder, or a model file; one that is open is returned.

    Returns
    -------
    Opened

    Raises
    ------
    RunError
        If it is a folder but not a run folder, or its ``run.json`` is damaged.
    """
    if isinstance(run, Opened):
        return run
    path = Path(run)
    return Opened(path, About.read(path) if path.is_dir() else None)
