"""Cross-validation: a run for each fold, so that every image is tested on once.

A folder ``runs/NAME-1`` holds an ordinary run folder for each fold, ``fold-1`` and on, the split
file that each was started with, and ``folds.json``, with which the whole has begun. All folds are
begun before the first is trained: so what it takes to go on lies in their own checkpoints.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from clearconv.data import Source, Split, make_folds, write_split
from clearconv.errors import ArgumentError, RunError
from clearconv.layers import Node, from_spec
from clearconv.runs import files
from clearconv.runs.evaluation import Evaluation
from clearconv.runs.folder import check_folder, new_folder
from clearconv.runs.given import Data
from clearconv.runs.lock import locked
from clearconv.runs.open import open_run
from clearconv.runs.records.result import Result
from clearconv.runs.records.schema import Kind, Schema, is_whole, read
from clearconv.runs.run import Run, write_json
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.loop import go
from clearconv.train.preparing import opened_for, prepare
from clearconv.train.start import begin, data_of, resumed_run
from clearconv.version import __version__
from clearconv.words import printable, table

_FOLDS: Schema = {
    "folds": Kind("a number of folds, 2 to 10,000", lambda v: is_whole(v) and 2 <= v <= 10_000)
}


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What the folds came to; ``print`` shows it as a table.

    Attributes
    ----------
    folder : Path
        Holds the run folders of the folds.
    results : tuple of Result
        Of each fold.
    """

    folder: Path
    results: tuple[Result, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Return the test accuracy of each fold."""
        return tuple(result.evaluation.accuracy for result in self.results)

    @property
    def mean(self) -> float:
        """Return the mean of the folds' accuracies."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the folds' accuracies, with n - 1."""
        return float(np.std(self.accuracies, ddof=1))

    @property
    def error(self) -> float:
        """Return the standard error of their mean: the deviation over the root of n."""
        return self.deviation / sqrt(len(self.results))

    @cached_property
    def evaluation(self) -> Evaluation:
        """Return the tests of all folds as one, in which each image stands once."""
        tests = [result.evaluation for result in self.results]
        copies_known = all(test.different is not None for test in tests)
        return Evaluation(
            tests[0].classes,
            tuple(file for test in tests for file in test.files),
            np.concatenate([test.labels for test in tests]),
            np.concatenate([test.probabilities for test in tests]),
            sum(test.loss * test.total for test in tests) / sum(test.total for test in tests),
            different=sum(test.pictures for test in tests) if copies_known else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "accuracies": list(self.accuracies),
            "mean": self.mean,
            "standard_deviation": self.deviation,
            "standard_error": self.error,
            "test": self.evaluation.to_dict(),
        }

    def __str__(self) -> str:
        """Lay the folds out as a table, with the mean below."""
        rows: list[tuple[int | str, ...]] = [
            (number, test.total, test.right, f"{test.accuracy:.4f}")
            for number, test in enumerate((each.evaluation for each in self.results), start=1)
        ]
        whole = self.evaluation
        rows.append(("all", whole.total, whole.right, f"{whole.accuracy:.4f}"))
        lines = table(("fold", "images", "right", "accuracy"), rows, right=(1, 2, 3))
        spread = (
            f"mean over {len(self.results)} folds {self.mean:.4f}, standard deviation "
            f"{self.deviation:.4f}, standard error {self.error:.4f}"
        )
        return "\n".join([*lines, "", spread])

    def __repr__(self) -> str:
        """Say in a line what came of it."""
        return f"<CrossValidation in {printable(self.folder)}: mean accuracy {self.mean:.4f}>"


def cross_validate(
    data: Data,
    *,
    folds: int = 5,
    out: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    **given: Any,
) -> CrossValidation:
    """Train a network for each fold on the others and test it on that one: each image once.

    The remedy where images are few: a tenth of 80 is 8, which tell little. The models are there to
    be tested; for the one to use train on all images, with the same settings and without folds.

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        As for ``clearconv.train.train``.
    folds : int
        How many, from 2 to the number of different images of the smallest class.
    out : str or Path, optional
        The folder for all folds; by default the first free ``runs/NAME-N``.
    callbacks : sequence of Callback
        Told what happens in each fold's run, whose folder is named ``fold-1`` and on.
    **given
        Attributes of ``Settings``, as for ``clearconv.train.train``. A `model` of one's own is not
        changed: each fold begins with a copy.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ArgumentError
        If a setting is not possible, `split` or `ratios` are given, or the data bring a test part.
    DataError
        If the data cannot be used, or a class has fewer different images than there are folds.
    Interrupted
        After Ctrl-C or SIGTERM; ``resume_folds(folder)`` goes on.
    RunError
        If a folder cannot be used, or a training diverges.
    """
    callbacks = Callbacks(callbacks)
    with new_folds(data, folds=folds, out=out, callbacks=callbacks, **given) as begun:
        return _go(begun, callbacks)


def resume_folds(
    folder: str | Path, *, callbacks: Iterable[Callback] = (), data: Data | None = None
) -> CrossValidation:
    """Go on with a cross-validation; the result is that of one which was never stopped.

    Parameters
    ----------
    folder : str or Path
        Which ``cross_validate`` made.
    callbacks : sequence of Callback
        Told what happens.
    data : str, Path, Source, or (images, labels), optional
        The data, if they moved, or were arrays.

    Returns
    -------
    CrossValidation

    Raises
    ------
    Interrupted, ModelFileError, RunError
        As ``clearconv.train.resume``.
    """
    callbacks = Callbacks(callbacks)
    with resumed_folds(folder, callbacks=callbacks, data=data) as begun:
        return _go(begun, callbacks)


@dataclass(frozen=True, eq=False)
class Folds:
    """A cross-validation in progress.

    Attributes
    ----------
    folder : Path
        Holds the run folders of the folds.
    source : Source
        The data.
    places : tuple of Path
        The run folder of each fold.
    """

    folder: Path
    source: Source
    places: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, source: Source) -> "Folds":
        """Read which folds there are."""
        count = _about(folder)["folds"]
        places = tuple(folder / files.fold(number) for number in range(1, count + 1))
        return cls(folder, source, places)

    def run(self, place: Path, callbacks: Iterable[Callback] = ()) -> AbstractContextManager[Run]:
        """Take up the run of a fold; its folder is locked until the ``with`` block ends."""
        return resumed_run(place, callbacks=callbacks, data=self.source)

    def conclude(self, results: Sequence[Result]) -> CrossValidation:
        """Return what the folds came to, and keep it beside them."""
        found = CrossValidation(self.folder, tuple(results))
        write_json(self.folder / files.FOLDS, {**_about(self.folder), **found.to_dict()})
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
    """Begin a cross-validation: the run of each fold is begun, and none is trained yet.

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
    callbacks = Callbacks(callbacks)
    out = None if out is None else Path(out)
    for name in ("split", "ratios", "allow_twins_apart"):
        if given.get(name) is not None:
            raise ArgumentError(
                f"{name}={given[name]!r} cannot go with folds: the folds are the split, in which "
                f"each image is tested on once. Leave out {name} or folds."
            )
    in_a_folder = isinstance(data, (str, Path)) and str(data) != "digits"
    check_folder(out, Path(str(data)) if in_a_folder else None)  # before all is read
    source = opened_for(data, callbacks, given)
    splits = make_folds(source, folds, given.get("seed") or 0)
    with new_folder(out, source.name, source.root, callbacks.warned, files.FOLDS) as folder:
        try:
            for number, split in enumerate(splits, start=1):
                _begin(folder, number, source, split, callbacks, given)
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
    """Take up a cross-validation.

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
            f"{folder} holds no cross-validation: it has no {files.FOLDS}. Go on with a single run "
            "by clearconv.train.resume."
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
    given: Mapping[str, Any],
) -> None:
    """Write the run folder of a fold, from which `resume` trains it."""
    path = folder / files.fold_split(number)
    write_split(path, split, source)
    own = given.get("model")
    if isinstance(own, Node):
        given = {**given, "model": _copy(own), "freeze": given.get("freeze") or own.frozen}
    run = prepare(source, callbacks=callbacks, **{**given, "split": str(path)})
    place = folder / files.fold(number)
    place.mkdir()
    begin(run, place, callbacks, search=given.get("lr") == "auto")


def _go(folds: Folds, callbacks: Callbacks) -> CrossValidation:
    """Train what is left to train of each fold."""
    results = []
    for place in folds.places:
        with folds.run(place, callbacks) as run:
            results.append(go(run, callbacks))
    return folds.conclude(results)


def _about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = read(folder / files.FOLDS, _FOLDS, "Put a whole copy back.")
    return about


def _copy(model: Node) -> Node:
    """Return a network like this one, with its weights if it is built."""
    copy = from_spec(model.spec())
    if model.input_shape:
        copy.build(model.input_shape, dtype=model.store.dtype.name)
        copy.load_state_dict(model.state_dict())
    return copy
