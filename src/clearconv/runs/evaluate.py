"""A trained model evaluated, on the data of its run or on others."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from clearconv.data import Preprocessing, Problem, Source, class_names, open_data
from clearconv.data.sources.source import some_classes
from clearconv.errors import DataError
from clearconv.runs.evaluation import Evaluation, Integers, check_answers, evaluate_model
from clearconv.runs.given import Data, in_memory
from clearconv.runs.open import Opened, Progress, open_run


class Reader(Protocol):
    """Receives the progress of reading, as a ``clearconv.train.Callback`` does."""

    def reading(self, done: int, total: int) -> None:
        """Receive the number of images decoded so far."""


def evaluate(
    run: str | Path | Opened, data: Data | None = None, *, callbacks: Iterable[Reader] = ()
) -> Evaluation:
    """Evaluate a trained model.

    Parameters
    ----------
    run : str, Path or Opened
        A run folder, or a model file; `open_run` opens either.
    data : str, Path, Source, or (images, labels), optional
        A folder, "digits", what ``clearconv.data.open_data`` or ``from_arrays`` returned, or arrays
        as ``from_arrays`` takes them. By default the run's own test images are used; with other
        data, their test part if they bring one, else every image. Classes that the model does not
        know are left out.
    callbacks : sequence of Callback
        Informed of the progress of reading.

    Returns
    -------
    Evaluation
        Its `problems` name files and classes left out, and images that the model has learnt from.

    Raises
    ------
    ModelFileError, RunError, DataError
        If the model, the run or the data cannot be used.
    """
    readers, opened = tuple(callbacks), open_run(run)
    run = opened.path

    def progress(done: int, total: int) -> None:
        for reader in readers:
            reader.reading(done, total)

    model, classes, preprocessing = opened.model, opened.classes, opened.preprocessing
    place = data
    if place is None:
        if opened.run is None:
            raise DataError(f"{run} is a model file, which has no data of its own; give data.")
        call = "clearconv.train.evaluate(folder, (images, labels))"
        place = opened.place("clearconv.train.evaluate({}, DATA)", call)
    source, names = _known(place, classes, progress, preprocessing)
    own = opened.run is not None and opened.run.data.is_of(source)
    if data is None and not own:
        opened.check(source)
    if own:
        samples: Integers = opened.split(source).test
        problems = source.problems
    else:
        brought = source.split
        own_test = brought is not None and len(brought.test) > 0
        samples = brought.test if brought is not None and own_test else np.arange(len(source))
        problems = (*source.problems, *_doubts(opened, source, samples))
    unknown = [name for name in names if name not in classes]
    if unknown:  # an opened source still holds their images
        judged = np.array([name in classes for name in source.classes])
        samples = samples[judged[source.labels[samples]]]
    if unknown and not own:  # the run's own test left them out as its settings ask
        problems = (
            Problem(f"left out, the model does not know it: {some_classes(unknown)}", "missing"),
            *problems,
        )
    evaluation = evaluate_model(model, source, samples, preprocessing, classes)
    check_answers(evaluation, run)
    return replace(evaluation, problems=problems)


def _known(
    data: Data, classes: tuple[str, ...], progress: Progress, preprocessing: Preprocessing
) -> tuple[Source, tuple[str, ...]]:
    """Return the data with the classes that the model knows, and the names of all their classes."""
    source = in_memory(data, least_classes=1)
    if source is None:
        assert isinstance(data, str | Path)
        names, where = class_names(data), str(data)
        remedy = "A sub-folder for each class is expected, named as in training."
    else:
        names, where = source.classes, source.name
        remedy = "Give the classes the names that they had in training."
    known = [name for name in names if name in classes]
    if not known:
        raise DataError(
            f"{where} has the classes {some_classes(names)}, but the model knows "
            f"{some_classes(classes)}. {remedy}"
        )
    if source is None:
        assert isinstance(data, str | Path)
        source = open_data(
            data,
            known,
            progress=progress,
            least_classes=1,
            cache_side=preprocessing.side,
            definition=preprocessing.definition,
        )
    return source, names


def _doubts(opened: Opened, source: Source, samples: Integers) -> Iterator[str]:
    """Warn if the model has learnt from some of the images, by their bytes."""
    if opened.run is None or source.kind != "photos":
        return  # idx data are one file: different bytes mean different data
    if count := opened.learnt_from(source, samples):
        yield Problem(
            f"the model has learnt from {count:,} of these {len(samples):,} images; its results "
            "on them say little about new ones",
            "leak",
        )
