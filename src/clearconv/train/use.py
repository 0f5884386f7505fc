"""What a trained model is for: evaluate it on other data, predict single images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearconv.data import Preprocessing, load_image, open_data, read_split
from clearconv.errors import DataError, ModelFileError
from clearconv.layers import Node
from clearconv.layers.model_file import load
from clearconv.ops import softmax
from clearconv.ops._arrays import Array
from clearconv.train.evaluation import Evaluation, Indices, evaluate_model
from clearconv.train.loop import Watcher
from clearconv.train.run import check_unchanged, read_run
from clearconv.train.settings import Settings


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


def evaluate(where: Path, data: str | None = None, watcher: Watcher | None = None) -> Evaluation:
    """Evaluate a trained model.

    Parameters
    ----------
    where : Path
        A run folder, or a model file.
    data : str, optional
        A folder, or "digits": its test part if it brings one, else every image. By default the
        test part of the run's own data.
    watcher : Watcher, optional
        Told how far reading is.

    Returns
    -------
    Evaluation

    Raises
    ------
    ModelFileError, RunError, DataError
        If the model, the run or the data cannot be used.
    """
    reading = (watcher or Watcher()).reading
    model, classes, preprocessing = open_model(where)
    if data is None:
        about = read_run(where)
        settings = Settings.from_dict(about["settings"])
        own = about["data"]["root"] or settings.data
        source = open_data(own, settings.classes, progress=reading)
        check_unchanged(where, about["data"], source)
        indices: Indices = read_split(where / "split.json", source).test
    else:
        source = open_data(data, progress=reading)
        if unknown := [name for name in source.classes if name not in classes]:
            raise DataError(
                f"{data} has classes that the model does not know: {', '.join(unknown)}. It knows "
                f"{', '.join(classes)}."
            )
        brought = source.split
        own_test = brought is not None and len(brought.test) > 0
        indices = brought.test if brought is not None and own_test else np.arange(len(source))
    return evaluate_model(model, source, indices, preprocessing, classes)


def predict(where: Path, images: Sequence[Path]) -> list[Prediction]:
    """Predict the classes of image files.

    Parameters
    ----------
    where : Path
        A run folder, or a model file.
    images : sequence of Path
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
    model, classes, preprocessing = open_model(where)
    found = []
    for path in images:
        try:
            x = preprocessing(load_image(path))
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
                f"it: clearconv train --resume {where}"
            )
    else:
        path = where
    model = load(path)
    try:
        preprocessing = Preprocessing.from_dict(model.info["preprocessing"])
        return model, tuple(model.info["classes"]), preprocessing
    except (KeyError, DataError) as error:
        raise ModelFileError(
            f"{path} is a model without usable classes or preprocessing ({error}); it was not "
            "saved by a training run."
        ) from None
