"""What a trained model is for: evaluate it on other data, predict single images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from clearconv.data import (
    Preprocessing,
    Problem,
    Source,
    class_names,
    load_image,
    open_data,
    read_split,
    side_for,
)
from clearconv.data._source import some_classes
from clearconv.errors import DataError, ModelFileError
from clearconv.layers import Node
from clearconv.layers.model_file import load
from clearconv.ops import softmax
from clearconv.ops._arrays import Array
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.evaluation import Evaluation, Indices, evaluate_model
from clearconv.train.probe import finite
from clearconv.train.run import check_unchanged, data_place, learnt_from, read_run, same_data


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says about one image.

    Attributes
    ----------
    file : str
        The image.
    classes : tuple of str
        Of the model.
    probabilities : ndarray of shape (K,), optional
        None if the image could not be read.
    error : str, optional
        Why it could not be read.
    """

    file: str
    classes: tuple[str, ...]
    probabilities: Array | None = None
    error: str | None = None

    @property
    def best(self) -> tuple[str, float]:
        """Return the likeliest class and its probability."""
        if self.probabilities is None:
            raise DataError(f"{self.file}: {self.error}")
        place = int(self.probabilities.argmax())
        return self.classes[place], float(self.probabilities[place])


def evaluate(
    where: str | Path, data: str | Path | None = None, *, callbacks: Sequence[Callback] = ()
) -> Evaluation:
    """Evaluate a trained model.

    Parameters
    ----------
    where : str or Path
        A run folder, or a model file.
    data : str or Path, optional
        A folder, or "digits". Of the run's own data, which is the default, the test part is used;
        of other data the test part if they bring one, else every image. Classes that the model
        does not know are left out.
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
    told, where = Callbacks(callbacks), Path(where)
    model, classes, preprocessing = open_model(where)
    about = read_run(where) if where.is_dir() else None
    if data is None:
        if about is None:
            raise DataError(f"{where} is a model file, which has no data of its own; give data.")
        place: str | Path = data_place(where, about)
    else:
        place = data
    names = class_names(place)
    known = [name for name in names if name in classes]
    if not known:
        raise DataError(
            f"{place} has the classes {some_classes(names)}, but the model knows "
            f"{some_classes(classes)}. A sub-folder for each class is expected, named as in "
            "training."
        )
    source = open_data(
        place,
        known,
        progress=told.reading,
        least_classes=1,
        cache_side=side_for(preprocessing.size),
    )
    own = about is not None and same_data(about["data"], source)
    if about is not None and data is None and not own:
        check_unchanged(where, about["data"], source)
    if own:
        indices: Indices = read_split(where / "split.json", source).test
        problems = source.problems
    else:
        brought = source.split
        own_test = brought is not None and len(brought.test) > 0
        indices = brought.test if brought is not None and own_test else np.arange(len(source))
        problems = (*source.problems, *_doubts(where, about, source, indices))
    unknown = [name for name in names if name not in classes]
    if unknown and not own:  # the run's own test left them out as it was told to
        problems = (
            Problem(f"left out, the model does not know it: {some_classes(unknown)}", "missing"),
            *problems,
        )
    evaluation = evaluate_model(model, source, indices, preprocessing, classes)
    return replace(evaluation, problems=problems)


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


def predict(where: str | Path, images: Sequence[str | Path]) -> list[Prediction]:
    """Predict the classes of image files.

    Parameters
    ----------
    where : str or Path
        A run folder, or a model file.
    images : sequence of str or Path
        Image files. One that cannot be read gives a ``Prediction`` with an `error`.

    Returns
    -------
    list of Prediction
        In the order of `images`.

    Raises
    ------
    ModelFileError
        If the model cannot be used.
    """
    model, classes, preprocessing = open_model(Path(where))
    found = []
    for path in images:
        try:
            x = preprocessing(load_image(path, side_for(preprocessing.size)))
        except DataError as error:
            found.append(Prediction(str(path), classes, error=str(error)))
            continue
        logits = model.forward(x.astype(model.store.dtype, copy=False))
        found.append(Prediction(str(path), classes, softmax.forward(logits)))
    return found


def open_model(where: Path) -> tuple[Node, tuple[str, ...], Preprocessing]:
    """Load a run's best model, or a model file, with its classes and preprocessing."""
    if where.is_dir():
        read_run(where)
        path = where / "best.safetensors"
        if not path.exists():
            raise ModelFileError(
                f"{where}: no epoch of this run is finished, so there is no model yet. Go on with "
                f"it: clearconv train --resume {quote(str(where))}"
            )
    else:
        path = where
    model = load(path)
    try:
        preprocessing = Preprocessing.from_dict(model.info["preprocessing"])
        classes = tuple(map(str, model.info["classes"]))
    except (KeyError, TypeError, DataError) as error:
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
    for name, array in {**model.store.parameters, **model.store.buffers}.items():
        if not finite(array):
            raise ModelFileError(
                f"{path}: {name} holds NaN or infinity, so the model can answer nothing. It was "
                "not saved by a training run; take another file."
            )
    return model, classes, preprocessing
