"""One image traced through a trained model, from the files and settings of a run."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.data import Batches, Preprocessing, Source
from clearconv.data.images.given_image import image_pixels
from clearconv.data.images.resize import Pixels
from clearconv.data.sources.source import composed
from clearconv.errors import ArgumentError, DataError, ModelFileError, RunError
from clearconv.layers import Node
from clearconv.losses import CrossEntropy
from clearconv.ops import softmax
from clearconv.optim import SGD, Optimiser
from clearconv.runs import files
from clearconv.runs.evaluation import Integers, unanswered
from clearconv.runs.open import open_run
from clearconv.tracing import Trace, trace
from clearconv.train import Settings
from clearconv.train.network import criterion_of, optimiser_of
from clearconv.words import meant, some

_RATE = 0.01  # for a model file, whose training is not known
_BATCH = 16


@dataclass(frozen=True, eq=False)
class TracedImage:
    """A pass of one image, and everything that a person needs to read it.

    Attributes
    ----------
    trace : Trace
        The pass.
    name : str
        Name of the image.
    pixels : ndarray of uint8, shape (H, W, 3) or (H, W, 1)
        Image as the model sees it.
    classes : tuple of str
        Classes of the model.
    label_from : str
        Reason for the class of the loss: ``"asked for"``, ``"the image's own"`` or
        ``"the model's answer"``.
    remarks : tuple of str
        Sentences about the mode, the batch and the step.
    """

    trace: Trace
    name: str
    pixels: Pixels
    classes: tuple[str, ...]
    label_from: str
    remarks: tuple[str, ...]


def trace_image(
    run: str | Path,
    image: str | Path,
    label: str | None = None,
    *,
    training: bool = False,
    batch_size: int | None = None,
    progress: Any = None,
) -> TracedImage:
    """Run an image forward and backward through a trained model, and keep every number.

    Parameters
    ----------
    run : str or Path
        A run folder, or a model file.
    image : str or Path
        An image file; or the name of an image of the run's data, as in its report.
    label : str, optional
        Class of the loss. By default the image's own, which an image of the run's data has, and a
        file in a folder named like a class; else the model's answer.
    training : bool
        Whether to use batch statistics and dropout, with the run's training images after this one.
    batch_size : int, optional
        Batch size, including this image; by default the run's, but at most 16.
    progress : callable, optional
        Called as ``progress(done, total)`` while the run's images are read.

    Returns
    -------
    TracedImage

    Raises
    ------
    ModelFileError, RunError, DataError
        If the model, the run, the image or the data cannot be used.
    ArgumentError
        If there is no such class, or the options do not fit.
    """
    opened = open_run(run)
    model, classes, preprocessing = opened.model, opened.classes, opened.preprocessing
    settings = None if opened.run is None else opened.settings
    label = None if label is None else composed(label)
    if label is not None and label not in classes:
        raise ArgumentError(
            f"class {label!r} is not known to the model; it knows {some(classes, 12)}."
            f"{meant(label, classes)}"
        )
    if batch_size is not None and (not training or batch_size < 2):
        raise ArgumentError(
            f"batch_size={batch_size}, but a batch needs training mode and at least 2 images."
        )
    if training and opened.run is None:
        raise ArgumentError(
            f"{run} is a model file, which has no data of its own to make a batch of. Give the "
            "run's folder, or leave training mode out."
        )
    file, source = Path(image).exists(), None
    if opened.run is None and not file:
        raise DataError(_no_file(opened.path, image))
    if opened.run is not None and (training or not file):
        try:
            # images of arrays have no files that could be given again
            call = "clearconv.tracing.trace(model, x, label), with an image as the network sees it"
            source = opened.data(moved=None, call=call, progress=progress)
        except (RunError, DataError) as error:
            if file:
                raise type(error)(f"{error} Without training mode a file needs no data.") from None
            raise DataError(
                f"{image} is not a file, and images of the run's data are not available: {error}"
            ) from None
    pixels, own = _read(image, source, classes, preprocessing)
    x = model.as_input(preprocessing(pixels))
    chosen, label_from = label or own, "asked for" if label else "the image's own"
    batch, loss, remarks = None, CrossEntropy(), []
    if training and source is not None and settings is not None:
        size = batch_size or min(_BATCH, settings.batch_size)
        train = opened.split(source).train
        batch = _batch(source, train, settings, preprocessing, str(image), size)
        batch = model.as_input(batch[0]), batch[1]
        loss = criterion_of(settings, source, train)
        remarks.append(
            f"Training mode: a batch of {len(batch[1]) + 1} images of the run's training part with "
            "this one first; batch statistics and dropout as in a training step, without random "
            "variations of the images."
        )
    else:
        remarks.append(
            "Evaluation mode: batch norm uses its running statistics and nothing is dropped; the "
            "backward pass is that of this one image. `training=True` shows a training step."
        )
    with np.errstate(all="ignore"):
        if not np.isfinite(softmax.forward(model.forward(x[np.newaxis]))).all():
            raise ModelFileError(f"{run}: {unanswered(image)}")
    optimiser, said = _optimiser(model, settings)
    done = trace(model, x, chosen, training=training, batch=batch, loss=loss, optimiser=optimiser)
    return TracedImage(
        done,
        str(image),
        preprocessing.resized(pixels),
        classes,
        label_from if chosen is not None else "the model's answer",
        (*remarks, said),
    )


def lead_of(traced: TracedImage) -> tuple[str, ...]:
    """Describe the model's answer and the page, in a few paragraphs.

    Parameters
    ----------
    traced : TracedImage
        The pass.

    Returns
    -------
    tuple of str
        Paragraphs, the answer first.
    """
    loss = traced.trace.loss
    assert loss is not None and loss.probabilities is not None
    best, wanted = loss.predicted, loss.label
    sure = float(loss.probabilities[0, best])
    # a model file may say less about its classes than training knew
    answer = f"{traced.name}: {traced.classes[best]}, probability {sure:.3f}"
    alone = len(loss.logits) == 1
    return (
        f"{answer}; loss {loss.value:.4g} {'' if alone else 'of the batch, '}"
        f"for {traced.classes[wanted]} ({traced.label_from}).",
        *traced.remarks,
    )


def _read(
    image: str | Path, source: Source | None, classes: tuple[str, ...], preprocessing: Preprocessing
) -> tuple[Pixels, str | None]:
    """Return an image and its own class, if it has one."""
    path = Path(image)
    if source is not None and str(image) in source.files:
        number = source.files.index(str(image))
        return source.image(number), source.classes[source.labels[number]]
    if source is not None and not path.exists():
        near = [name for name in source.files if _plain(name) == _plain(str(image))]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{image} is not a file or an image of {source.name}, whose images have names such as "
            f"{source.files[-1]}.{hint}"
        )
    folder = composed(path.resolve().parent.name)
    return image_pixels(path, preprocessing), folder if folder in classes else None


def _plain(name: str) -> str:
    """Remove leading zeros from numbers, and the file's ending."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.rpartition(".")[0] or name).lower()


def _no_file(file: Path, image: str | Path) -> str:
    """Explain why a model file does not know an image by this name, and what may know it."""
    run = file.parent
    if (run / files.RUN).is_file():
        return (
            f"{image} is not a file. If it is an image of the run's data, give the run folder "
            "instead of its model: "
            f"`clearconv.glassbox.trace_image({str(run)!r}, {str(image)!r})`"
        )
    return (
        f"{image} is not a file. A model file has no data, so it takes only image files; images of "
        "a run's data can be given by name with the run folder."
    )


def _batch(
    source: Source,
    train: Integers,
    settings: Settings,
    preprocessing: Preprocessing,
    image: str,
    size: int,
) -> tuple[Array, Any]:
    """Return the first images of the run's first epoch, without this one, and their classes."""
    others = np.array([sample for sample in train if source.files[sample] != image], np.int64)
    made = Batches(source, others, preprocessing, size - 1, seed=settings.seed, shuffle=True)
    first = next(iter(made))
    return first.x, first.labels


def _optimiser(model: Node, settings: Settings | None) -> tuple[Optimiser, str]:
    """Return an optimiser for a first step, and a sentence about it."""
    if settings is None:
        step = f"The step shown is plain descent with learning rate {_RATE:g}."
        return SGD(model, _RATE), step
    made = optimiser_of(model, settings)
    name = type(made).__name__
    return made, (
        f"The step shown is what {name} with the run's learning rate, {made.lr:g}, would do as its "
        "first."
    )
