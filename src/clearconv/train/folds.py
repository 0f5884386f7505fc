"""The folds of a cross-validation: one run each, started and resumed.

A folder ``runs/NAME-1`` holds an ordinary run folder for each fold, ``fold-1`` and so on, the split
file with which each was started, and ``folds.json``, which marks the start of the whole. All folds
are started before the first is trained, so their own checkpoints suffice to continue.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from clearconv.data import Source, Split, make_folds, write_split
from clearconv.errors import ArgumentError, RunError
from clearconv.layers import Node, from_spec
from clearconv.runs import files
from clearconv.runs.folder import check_folder, new_folder
from clearconv.runs.given import Data, Given
from clearconv.runs.lock import locked
from clearconv.runs.open import open_run
from clearconv.runs.records.folds import CrossValidation, FoldsRecord
from clearconv.runs.records.result import Result
from clearconv.runs.run import Run, write_json
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.preparing import opened_for, prepared
from clearconv.train.start import begin, data_of, resumed_run
from clearconv.version import __version__


@dataclass(frozen=True, eq=False)
class Folds:
    """A cross-validation in progress.

    Attributes
    ----------
    folder : Path
        Folder with the run folders of the folds.
    source : Source
        The data.
    folders : tuple of Path
        The run folder of each fold.
    """

    folder: Path
    source: Source
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, source: Source) -> "Folds":
        """Find the folds of a folder."""
        count = FoldsRecord.read(folder).count
        folders = tuple(folder / files.fold(number) for number in range(1, count + 1))
        return cls(folder, source, folders)

    def run(self, place: Path, callbacks: Iterable[Callback] = ()) -> AbstractContextManager[Run]:
        """Resume the run of a fold; its folder is locked until the ``with`` block ends."""
        return resumed_run(place, callbacks=callbacks, data=self.source)

    def conclude(self, results: Sequence[Result]) -> CrossValidation:
        """Return the results of the folds, and save them in the same folder."""
        found = CrossValidation(self.folder, tuple(results))
        begun = FoldsRecord.read(self.folder)
        write_json(self.folder / files.FOLDS, {**begun.plain, **found.to_dict()})
        return found


@contextmanager
def new_folds(
    data: Data,
    *,
    folds: int = 5,
    out: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    **given: Any,
) -> Iterator[Folds]:
    """Start a cross-validation: the run of each fold is started, and none is trained yet.

    Parameters
    ----------
    data, folds, out, callbacks, **given
        As for `cross_validate`.

    Yields
    ------
    Folds
        Its folder is locked until the ``with`` block ends.

    Raises
    ------
    ArgumentError, DataError, RunError
        As `cross_validate` does.
    """
    asked, callbacks = Given.of(given), Callbacks(callbacks)
    out = None if out is None else Path(out)
    for name in ("split", "ratios", "allow_twins_apart"):
        if (value := getattr(asked, name)) is not None:
            raise ArgumentError(
                f"`{name}={value!r}` cannot go with `folds`: the folds are the split, in "
                f"which each image is tested once. Leave out `{name}` or `folds`."
            )
    in_a_folder = isinstance(data, (str, Path)) and str(data) != "digits"
    check_folder(out, Path(str(data)) if in_a_folder else None)  # before everything is read
    source = opened_for(data, callbacks, asked)
    splits = make_folds(source, folds, asked.seed or 0)
    with new_folder(out, source.name, source.root, callbacks.warned, files.FOLDS) as folder:
        try:
            for number, split in enumerate(splits, start=1):
                _begin(folder, number, source, split, callbacks, asked)
            write_json(folder / files.FOLDS, {"clearconv": __version__, "folds": folds})
        except BaseException:
            for place in (*folder.glob(files.FOLD_FOLDERS), *folder.glob(files.FOLD_SPLITS)):
                rmtree(place) if place.is_dir() else place.unlink()
            raise
        yield Folds.of(folder, source)


@contextmanager
def resumed_folds(
    folder: str | Path, *, callbacks: Iterable[Callback] = (), data: Data | None = None
) -> Iterator[Folds]:
    """Resume a cross-validation.

    Parameters
    ----------
    folder, callbacks, data
        As for `resume_folds`.

    Yields
    ------
    Folds
        Its folder is locked until the ``with`` block ends.

    Raises
    ------
    RunError
        As `resume_folds` does.
    """
    callbacks, folder = Callbacks(callbacks), Path(folder)
    if not (folder / files.FOLDS).is_file():
        raise RunError(
            f"{folder} does not hold a cross-validation: it has no {files.FOLDS}. Continue a "
            "single run with clearconv.train.resume."
        )
    with locked(folder, callbacks.warned):
        source = data_of(open_run(folder / files.fold(1)), callbacks, data)
        yield Folds.of(folder, source)


def _begin(
    folder: Path,
    number: int,
    source: Source,
    split: Split,
    callbacks: Callbacks,
    given: Given,
) -> None:
    """Write the run folder of a fold, which `resume` then trains."""
    path = folder / files.fold_split(number)
    write_split(path, split, source)
    own = given.model
    if isinstance(own, Node):
        given = replace(given, model=_copy(own), freeze=given.freeze or own.frozen)
    run = prepared(source, replace(given, split=str(path)), callbacks)
    place = folder / files.fold(number)
    place.mkdir()
    begin(run, place, callbacks, search=given.searches_lr)


def _copy(model: Node) -> Node:
    """Return a copy of the network, with its weights if it is built."""
    copy = from_spec(model.spec())
    if model.input_shape:
        copy.build(model.input_shape, dtype=model.store.dtype.name)
        copy.load_state_dict(model.state_dict())
    return copy
