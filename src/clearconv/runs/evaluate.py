"""A trained model evaluated, on the data of its run or on others."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from clearconv.data import Preprocessing, Problem, Source, class_names, open_data
from clearconv.data.sources.source import some_classes
from clearconv.errors import DataError
from clearconv.runs.abstaining.abstainer import Abstainer, Judged
from clearconv.runs.abstaining.abstention import Abstention
from clearconv.runs.abstaining.fitting import all_seen
from clearconv.runs.evaluation import Evaluation, Integers, check_answers, evaluate_model
from clearconv.runs.given import Data, in_memory
from clearconv.runs.open import Opened, Progress, Trained, open_run


class Reader(Protocol):
    """Receives the progress of reading, as a ``clearconv.train.Callback`` does."""

    def reading(self, done: int, total: int) -> None:
        """Receive the number of images decoded so far."""


def evaluate(
    run: str | Path | Opened,
    data: Data | None = None,
    *,
    abstain: bool = False,
    callbacks: Iterable[Reader] = (),
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
    abstain : bool
        Whether to count how often the model would abstain: on images of its classes, and on those
        of classes that it does not know, which are then foreign images.
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
    abstainer = opened.trained.to_abstain(run) if abstain else None
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
    if unknown and not own and not abstain:  # the run's own test left them out as its settings ask
        problems = (
            Problem(f"left out, the model does not know it: {some_classes(unknown)}", "missing"),
            *problems,
        )
    evaluation = evaluate_model(model, source, samples, preprocessing, classes)
    check_answers(evaluation, run)
    if abstainer is None:
        return replace(evaluation, problems=problems)
    seen = partial(_judged, opened.trained, abstainer)
    foreign = []
    if unknown:
        others, _ = _known(place, tuple(unknown), progress, preprocessing)
        for name in unknown:
            foreign.append((name, seen(others, np.flatnonzero(_labelled(others, name)))))
    counts = Abstention.of(seen(source, samples), evaluation.labels, foreign)
    return replace(evaluation, problems=problems, abstention=counts)


def _judged(trained: Trained, abstainer: Abstainer, source: Source, samples: Integers) -> Judged:
    return abstainer.judge(*all_seen(trained.model, source, samples, trained.preprocessing))


def _labelled(source: Source, name: str) -> npt.NDArray[np.bool_]:
    """Return which images are of a class."""
    return source.labels == source.classes.index(name)


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
