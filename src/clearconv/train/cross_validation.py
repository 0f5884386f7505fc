"""Cross-validation: every image is tested on once, by a model that has not seen it."""

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


def _go(folds: Folds, callbacks: Callbacks) -> CrossValidation:
    """Train what is left to train of each fold."""
    results = []
    for place in folds.places:
        with folds.run(place, callbacks) as run:
            results.append(go(run, callbacks))
    return folds.conclude(results)
