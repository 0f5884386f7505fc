"""How good a model is on images it has not learnt from."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.data import Batches, Preprocessing, Source
from clearconv.errors import ModelFileError
from clearconv.layers import Node
from clearconv.losses import CrossEntropy
from clearconv.ops import softmax
from clearconv.runs.abstaining.abstention import Abstention
from clearconv.runs.interval import wilson

Integers = npt.NDArray[np.int64]

#: Largest number of images evaluated at a time, and the memory that their arrays may take.
_JUDGED, _JUDGED_BYTES = 64, 256 << 20


@dataclass(frozen=True)
class Mistake:
    """One misclassified image.

    Attributes
    ----------
    file : str
        The image.
    label, prediction : str
        True class, and predicted class.
    probability : float
        Probability of the predicted class.
    """

    file: str
    label: str
    prediction: str
    probability: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions for labelled images, and the statistics that follow from them.

    Attributes
    ----------
    classes : tuple of str
        Classes of the model.
    files : tuple of str
        The images.
    labels : ndarray of int64, shape (n,)
        True classes.
    probabilities : ndarray, shape (n, K)
        Probability of each class.
    loss : float
        Mean cross-entropy.
    different : int, optional
        Number of different pictures among the images, with copies and near copies counted once;
        None if nothing looked for copies.
    abstention : Abstention, optional
        How often the model would abstain, if that was asked for.
    problems : tuple of str
        What to know before trusting the numbers: files and classes left out, and images that the
        model has learnt from.
    """

    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: Integers
    probabilities: Array
    loss: float
    problems: tuple[str, ...] = ()
    different: int | None = None
    abstention: Abstention | None = None

    @property
    def predictions(self) -> Integers:
        """Return the most probable class of each image."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> int:
        """Return the number of images classified correctly."""
        return int(np.sum(self.predictions == self.labels))

    @property
    def total(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """Return the share of images classified correctly."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy on images like these (Wilson's).

        Copies of one picture say no more than the picture itself, so they count as one image with
        the average accuracy of all images.
        """
        return wilson(self.right * (self.pictures / self.total), self.pictures)

    @property
    def pictures(self) -> int:
        """Return the number of different pictures, as far as it is known."""
        return self.total if self.different is None else self.different

    @property
    def confusion(self) -> Integers:
        """Return counts (K, K): row = true class, column = predicted class."""
        counts = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        np.add.at(counts, (self.labels, self.predictions), 1)
        return counts

    @property
    def untested(self) -> tuple[str, ...]:
        """Return the classes without images: the numbers say nothing about them."""
        images = np.bincount(self.labels, minlength=len(self.classes))
        return tuple(self.classes[label] for label in np.flatnonzero(images == 0))

    @property
    def precision(self) -> Array:
        """Return, for each class, the share of its predictions that are correct; NaN if none."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> Array:
        """Return, for each class, the share of its images that are recognised; NaN if none."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def mean_recall(self) -> float:
        """Return the mean of `recall` over the classes that have images."""
        return float(np.nanmean(self.recall))

    @property
    def mistaken(self) -> Integers:
        """Return the places of the mistakes, the most confident first."""
        predictions = self.predictions
        places = np.flatnonzero(predictions != self.labels)
        sure = self.probabilities[places, predictions[places]]
        return places[np.argsort(-sure, kind="stable")]

    def wrong(self) -> list[Mistake]:
        """List the mistakes, the most confident first."""
        predictions = self.predictions
        return [
            Mistake(
                self.files[i],
                self.classes[self.labels[i]],
                self.classes[predictions[i]],
                float(self.probabilities[i, predictions[i]]),
            )
            for i in self.mistaken
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "accuracy": self.accuracy,
            "different": self.different,
            "interval": list(self.interval),
            "right": self.right,
            "total": self.total,
            "loss": self.loss if np.isfinite(self.loss) else None,
            "classes": list(self.classes),
            "untested": list(self.untested),
            "confusion": self.confusion.tolist(),
            "precision": [None if np.isnan(value) else float(value) for value in self.precision],
            "recall": [None if np.isnan(value) else float(value) for value in self.recall],
            "wrong": [vars(mistake) for mistake in self.wrong()],
            **({} if self.abstention is None else {"abstention": self.abstention.to_dict()}),
        }


def evenly_spaced(count: int, most: int) -> Integers:
    """Return at most `most` of `count` positions, at equal distances.

    Parameters
    ----------
    count, most : int
        At least 1.

    Returns
    -------
    ndarray of int64
        Ascending; the first and the last are among them.
    """
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def evaluate_model(
    model: Node,
    source: Source,
    samples: Integers,
    preprocessing: Preprocessing,
    classes: tuple[str, ...],
    batch_size: int | None = None,
) -> Evaluation:
    """Predict every image once, in evaluation mode, without augmentation.

    Parameters
    ----------
    model : Node
        Gives logits.
    source : Source
        The images.
    samples : ndarray of int64
        Numbers of the images to evaluate; their classes are among the model's.
    preprocessing : Preprocessing
        Preprocessing of the model.
    classes : tuple of str
        Classes in the order of the model's outputs.
    batch_size : int, optional
        Number of images at a time, which bounds the memory; ``judged_at_once`` by default.

    Returns
    -------
    Evaluation
    """
    batches = Batches(source, samples, preprocessing, batch_size or judged_at_once(model))
    with np.errstate(all="ignore"):  # a value that is not finite is reported by name
        logits = np.concatenate([model.forward(model.as_input(batch.x)) for batch in batches])
    return evaluation_of(logits, source, samples, classes)


def evaluation_of(
    logits: Array, source: Source, samples: Integers, classes: tuple[str, ...]
) -> Evaluation:
    """Return the evaluation of a model that gave these logits, (n, K), for the samples."""
    place = np.array([classes.index(n) if n in classes else -1 for n in source.classes])
    labels = place[source.labels[samples]]
    with np.errstate(all="ignore"):
        loss, _ = CrossEntropy()(logits, labels)
        probabilities = softmax.forward(logits)
    files = tuple(source.files[sample] for sample in samples)
    copies_known = source.kind in ("photos", "arrays")  # for idx files the search takes too long
    different = len(np.unique(source.twins.alike[samples])) if copies_known else None
    return Evaluation(classes, files, labels, probabilities, loss, different=different)


def check_answers(evaluation: Evaluation, run: object) -> Evaluation:
    """Return the evaluation if the model answered every image with finite numbers.

    Parameters
    ----------
    evaluation : Evaluation
        Evaluation of a model that was read from a file.
    run : Path
        The run folder, or the model file.

    Raises
    ------
    ModelFileError
        If not; the message names the first image.
    """
    fine = np.isfinite(evaluation.probabilities).all(axis=1)  # (n,)
    if not fine.all():
        raise ModelFileError(f"{run}: {unanswered(evaluation.files[int(fine.argmin())])}")
    return evaluation


def unanswered(file: object) -> str:
    """Return the message that a model's answer to an image is not finite, with a likely cause."""
    return (
        f"the model's answer to {file} is NaN or infinite: its weights are finite but "
        "too large. It was not saved by a training run; take another file."
    )


def judged_at_once(model: Node) -> int:
    """Return the number of images evaluated at a time: 64, or fewer if their arrays are large.

    Without a backward pass only a layer's input and output are held, so the largest pair decides.
    """
    pair = max(prod(layer.input_shape) + prod(layer.output_shape) for layer in model.leaves())
    fit = _JUDGED_BYTES // (pair * model.store.dtype.itemsize)
    return max(1, min(_JUDGED, 1 << max(0, fit.bit_length() - 1)))


def _share(part: Integers, whole: Integers) -> Array:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
