"""A trained model's predictions for images: files on disk, or arrays in a program."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Preprocessing
from clearconv.data.batches.ahead import in_order
from clearconv.data.images.given_image import ImageLike, image_pixels, is_file, is_one_image
from clearconv.data.images.resize import Pixels
from clearconv.errors import DataError
from clearconv.machine import cores
from clearconv.ops import softmax
from clearconv.runs.abstaining.abstainer import Abstainer
from clearconv.runs.evaluation import unanswered
from clearconv.runs.open import Opened, Trained, open_run

#: Images that go through the network together.
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model's prediction for one image.

    Attributes
    ----------
    file : str
        The image.
    classes : tuple of str
        Classes of the model.
    probabilities : ndarray of shape (K,), optional
        Probability of each class; None if the image could not be read.
    error : str, optional
        Why it could not be read.
    refused : str, optional
        Why the model abstains, if it may: "unsure", or "unlike the training images".
    """

    file: str
    classes: tuple[str, ...]
    probabilities: Array | None = None
    error: str | None = None
    refused: str | None = None

    @property
    def answer(self) -> str | None:
        """Return the most probable class, or None if the model abstains."""
        return None if self.refused is not None else self.best[0]

    @property
    def best(self) -> tuple[str, float]:
        """Return the most probable class and its probability."""
        if self.probabilities is None:
            raise DataError(f"{self.file}: {self.error}")
        place = int(self.probabilities.argmax())
        return self.classes[place], float(self.probabilities[place])


def predict(
    run: str | Path | Opened, images: Iterable[ImageLike] | ImageLike, *, abstain: bool = False
) -> list[Prediction]:
    """Predict the classes of images.

    Parameters
    ----------
    run : str, Path or Opened
        A run folder, or a model file; `open_run` opens either.
    images : iterable of images, ndarray of shape (N, H, W) or (N, H, W, C), or one image
        Each image is the path of a file, a Pillow image, or an array of uint8 from 0 to 255, of
        shape (H, W) or (H, W, C) with C = 1 (grey), 3 (red, green, blue) or 4 (with opacity;
        transparent parts become white). An array of three axes whose last one has 1, 3 or 4 entries
        is one image.
    abstain : bool
        Whether the model may abstain: probabilities are then calibrated, and `refused` says of
        which images they are not to be trusted.

    Returns
    -------
    list of Prediction
        In the order of `images`. For a file that cannot be read, one with an `error`.

    Raises
    ------
    ModelFileError
        If the model cannot be used, or its file holds nothing by which it could abstain.
    DataError
        If an image is none of these; for other dtypes than uint8 the message says how to convert.

    Notes
    -----
    Images are read on threads and go through the network in batches. With the compiled kernels
    the bits of a prediction do not depend on the other images.
    """
    return list(predictions(run, images, abstain=abstain))


def predictions(
    run: str | Path | Opened,
    images: Iterable[ImageLike] | ImageLike,
    batch_size: int = _BATCH,
    *,
    abstain: bool = False,
) -> Iterator[Prediction]:
    """Predict as `predict` does, one image after another: memory does not grow with the number.

    Parameters
    ----------
    run, images
        As for `predict`.
    batch_size : int
        Number of images that go through the network together.
    abstain : bool
        As for `predict`.

    Returns
    -------
    iterator of Prediction
        In the order of `images`.

    Raises
    ------
    ModelFileError, DataError
        As `predict` does: for the model at once, for an image when its turn comes.
    """
    opened = open_run(run)
    trained = opened.trained
    abstainer = trained.to_abstain(opened.path) if abstain else None
    if is_one_image(images):
        listed: Iterable[ImageLike] = [images]
    elif isinstance(images, Iterable):
        listed = images
    else:
        raise DataError(
            f"images is {type(images).__name__}, but a list of paths, arrays or Pillow images is "
            "needed."
        )
    return _predicted(trained, abstainer, listed, batch_size)


def _predicted(
    trained: Trained,
    abstainer: Abstainer | None,
    images: Iterable[ImageLike],
    batch_size: int,
) -> Iterator[Prediction]:
    preprocessing, classes = trained.preprocessing, trained.classes
    read = in_order(partial(_read, preprocessing), enumerate(images), batch_size, cores())
    while batch := list(islice(read, batch_size)):
        pixels = [found for _, found in batch if not isinstance(found, DataError)]
        rows = iter(_answers(trained, abstainer, pixels) if pixels else ())
        for (number, image), found in batch:
            name = _name(number, image)
            if isinstance(found, DataError):
                yield Prediction(name, classes, error=str(found))
                continue
            row, refused = next(rows)
            if np.isfinite(row).all():
                yield Prediction(name, classes, row, refused=refused)
            else:
                yield Prediction(name, classes, error=unanswered(name))


def _read(preprocessing: Preprocessing, numbered: tuple[int, ImageLike]) -> Pixels | DataError:
    """Return an image at the size that the network sees, or what is wrong with the file."""
    number, image = numbered
    try:
        pixels = image_pixels(image, preprocessing, _name(number, image))
    except DataError as error:
        if not is_file(image):
            raise
        return error
    return preprocessing.resized(pixels)


def _name(number: int, image: ImageLike) -> str:
    """Return the name of an image: its file, or its position."""
    file = image if is_file(image) else getattr(image, "filename", "")
    return str(file or f"images[{number}]")


def _answers(
    trained: Trained, abstainer: Abstainer | None, pixels: list[Pixels]
) -> Iterator[tuple[Array, str | None]]:
    """Yield the probabilities of each image, and why the model abstains if it does."""
    x = trained.preprocessing.normalised(np.stack(pixels)).transpose(0, 3, 1, 2)  # (n, C, H, W)
    x = trained.model.as_input(x)
    with np.errstate(all="ignore"):  # what is not finite is told by name
        if abstainer is not None:
            judged = abstainer.ask(trained.model, x)
            return zip(judged.probabilities, judged.reasons(), strict=True)
        probabilities = softmax.forward(trained.model.forward(x))  # (n, K)
    return zip(probabilities, repeat(None))
