"""Cross-validation: every image is tested once, by a model that has not seen it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clearconv.runs.given import Data
from clearconv.runs.records.folds import CrossValidation
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.folds import Folds, new_folds, resumed_folds
from clearconv.train.loop import go


def cross_validate(
    data: Data,
    *,
    folds: int = 5,
    out: str | Path | None = None,
    callbacks: Iterable[Callback] = (),
    **given: Any,
) -> CrossValidation:
    """Train a network for each fold on the other folds, and test it on that fold.

    Useful when there are few images: a tenth of 80 is 8, which say little. The models exist only to
    be tested; train the model to use on all images, with the same settings and without folds.

    Parameters
    ----------
    data : str, Path, Source, or (images, labels)
        As for ``clearconv.train.train``.
    folds : int
        Number of folds, from 2 to the number of different images of the smallest class.
    out : str or Path, optional
        The folder for all folds; by default the first free ``runs/NAME-N``.
    callbacks : sequence of Callback
        Receive the events of each fold's run, in folders ``fold-1``, ``fold-2`` and so on.
    **given
        Attributes of ``Settings``, as for ``clearconv.train.train``. A network given as `model` is
        not changed: each fold starts from a copy.

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
        After Ctrl-C or SIGTERM; ``resume_folds(folder)`` continues.
    RunError
        If a folder cannot be used, or a training diverges.
    """
    callbacks = Callbacks(callbacks)
    with new_folds(data, folds=folds, out=out, callbacks=callbacks, **given) as begun:
        return _go(begun, callbacks)


def resume_folds(
    folder: str | Path, *, callbacks: Iterable[Callback] = (), data: Data | None = None
) -> CrossValidation:
    """Continue a cross-validation; the result is the same as if it had never stopped.

    Parameters
    ----------
    folder : str or Path
        Folder that ``cross_validate`` made.
    callbacks : sequence of Callback
        Receive the events.
    data : str, Path, Source, or (images, labels), optional
        The data, if they have moved or were arrays.

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


def _go(folds: Folds, callbacks: Callbacks) -> CrossValidation:
    """Train the rest of each fold."""
    results = []
    for folder in folds.folders:
        with folds.run(folder, callbacks) as run:
            results.append(go(run, callbacks))
    return folds.conclude(results)
