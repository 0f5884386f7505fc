"""A trained model: loaded with all that it needs, and evaluated on its data or others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clearconv.arrays import finite
from clearconv.data import (
    Preprocessing,
    Problem,
    Source,
    class_names,
    open_data,
    read_split,
    side_for,
)
from clearconv.data.sources.source import composed, some_classes
from clearconv.errors import DataError, ModelFileError
from clearconv.layers import Node
from clearconv.layers.loading import load
from clearconv.runs import files
from clearconv.runs.evaluation import Evaluation, Indices, check_answers, evaluate_model
from clearconv.runs.given import Data, in_memory
from clearconv.runs.records import TABLE, TEXT, Many, wrong
from clearconv.runs.run import check_unchanged, data_place, learnt_from, read_run, same_data

#: Called as ``progress(done, total)`` while images are read.
Progress = Callable[[int, int], None]


class Reader(Protocol):
    """Hears how far reading is, as a ``clearconv.train.Callback`` does."""

    def reading(self, done: int, total: int) -> None:
        """Hear that so many of the images are decoded."""


def evaluate(
    where: str | Path, data: Data | None = None, *, callbacks: Iterable[Reader] = ()
) -> Evaluation:
    """Evaluate a trained model.

    Parameters
    ----------
    where : str or Path
        A run folder, or a model file.
    data : str, Path, Source, or (images, labels), optional
        A folder, "digits", what ``clearconv.data.open_data`` or ``from_arrays`` returned, or arrays
        as ``from_arrays`` takes them. Of the run's own data, which is the default, the test part is
        used; of other data the test part if they bring one, else every image. Classes that the
        model does not know are left out.
    callbacks : sequence of Callback
        Told how far reading is.

    Returns
    -------
    Evaluation
        With `problems`: files and classes left out, images that the model has learnt from.

    Raises
    ------
    ModelFileError, RunError, DataError
        If the model, the run or the data cannot be used.
    """
    readers, where = tuple(callbacks), Path(where)

    def progress(done: int, total: int) -> None:
        for reader in readers:
            reader.reading(done, total)

    model, classes, preprocessing = open_model(where)
    about = read_run(where) if where.is_dir() else None
    place = data
    if place is None:
        if about is None:
            raise DataError(f"{where} is a model file, which has no data of its own; give data.")
        call = "clearconv.train.evaluate(folder, (images, labels))"
        place = data_place(where, about, "clearconv.train.evaluate({}, DATA)", call)
    source, names = _known(place, classes, progress, side_for(preprocessing.size))
    own = about is not None and same_data(about["data"], source)
    if about is not None and data is None and not own:
        check_unchanged(where, about["data"], source)
    if own:
        indices: Indices = read_split(where / files.SPLIT, source).test
        problems = source.problems
    else:
        brought = source.split
        own_test = brought is not None and len(brought.test) > 0
        indices = brought.test if brought is not None and own_test else np.arange(len(source))
        problems = (*source.problems, *_doubts(where, about, source, indices))
    unknown = [name for name in names if name not in classes]
    if unknown:  # an opened source still holds their images
        judged = np.array([name in classes for name in source.classes])
        indices = indices[judged[source.labels[indices]]]
    if unknown and not own:  # the run's own test left them out as it was told to
        problems = (
            Problem(f"left out, the model does not know it: {some_classes(unknown)}", "missing"),
            *problems,
        )
    evaluation = evaluate_model(model, source, indices, preprocessing, classes)
    check_answers(evaluation, where)
    return replace(evaluation, problems=problems)


def _known(
    data: Data, classes: tuple[str, ...], progress: Progress, side: int
) -> tuple[Source, tuple[str, ...]]:
    """Return data with classes that the model knows, and the names of all their classes."""
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
        source = open_data(data, known, progress=progress, least_classes=1, cache_side=side)
    return source, names


def _doubts(
    where: Path, about: dict[str, Any] | None, source: Source, indices: Indices
) -> Iterator[str]:
    """Say so if the model has learnt from some of the images, by their bytes."""
    if about is None or source.kind != "photos":
        return  # idx data are one file: other bytes there mean other data
    if count := learnt_from(where, about, source, indices):
        yield Problem(
            f"the model has learnt from {count:,} of these {len(indices):,} images; how it does on "
            "them says little about new ones",
            "leak",
        )


def open_model(where: Path) -> tuple[Node, tuple[str, ...], Preprocessing]:
    """Load a run's best model, or a model file, with its classes and preprocessing."""
    if where.is_dir():
        read_run(where)
        path = where / files.BEST
        if not path.exists():
            raise ModelFileError(
                f"{where}: no epoch of this run is finished, so there is no model yet. Go on with "
                f"it: `clearconv.train.resume({str(where)!r})`"
            )
    else:
        path = where
    model = load(path)
    classes, preprocessing = model_data(path, model)
    for name, array in {**model.store.parameters, **model.store.buffers}.items():
        if not finite(array):
            raise ModelFileError(
                f"{path}: {name} holds NaN or infinity, so the model can answer nothing. It was "
                "not saved by a training run; take another file."
            )
    return model, classes, preprocessing


def model_data(path: Path, model: Node) -> tuple[tuple[str, ...], Preprocessing]:
    """Return the classes and the preprocessing that a model from a file carries.

    Raises
    ------
    ModelFileError
        If they are missing or damaged, or do not fit the network; names the file.
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
            f"{path} names a class twice ({', '.join(classes)}), so an answer would be ambiguous. "
            "It was not saved by a training run."
        )
    given, taken = (preprocessing.channels, *preprocessing.size), model.input_shape
    if given != taken or model.output_shape != (len(classes),):
        raise ModelFileError(
            f"{path}: its preprocessing gives {given} and it names {len(classes)} classes, but its "
            f"network takes {taken} and gives {model.output_shape}. It was not saved by a training "
            "run."
        )
    return classes, preprocessing
