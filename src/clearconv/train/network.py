"""The network of a run: created, built for its input and checked, with its optimiser and loss."""

import numpy as np

from clearconv.data import Preprocessing, Source, Split, channel_statistics
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Node
from clearconv.losses import CrossEntropy
from clearconv.models import MODELS, create
from clearconv.optim import SGD, Adam, AdamW, Optimiser
from clearconv.runs.evaluation import Integers
from clearconv.runs.settings import Settings


def made(settings: Settings, source: Source) -> Node:
    """Make the bundled model that the settings name.

    Options that its function does not have and that are off are not passed.
    """
    options = {"batch_norm": settings.batch_norm, "dropout": settings.dropout}
    known = MODELS[settings.model].options
    chosen = {k: v for k, v in options.items() if v is not None and (v or k in known)}
    return create(settings.model, len(source.classes), **chosen)


def preprocessing_for(
    settings: Settings, source: Source, split: Split, model: Node
) -> Preprocessing:
    """Choose the size that the network sees, and measure the mean and deviation for scaling."""
    size: tuple[int, ...] = model.input_shape[1:]  # of one that is built
    if not size:
        if settings.model in MODELS:
            size = MODELS[settings.model].input_shape[1:]
            if source.kind == "photos":
                size = (small_input(source, settings.model) or size[0],) * 2
        if source.size is not None and (source.kind != "photos" or not size):
            size = source.size
        if settings.image_size is not None:
            size = (settings.image_size, settings.image_size)
    if len(size) != 2:
        raise ArgumentError(
            "The images have several sizes, so the network's input size is needed: give "
            "image_size=128, or build it first: model.build((3, 128, 128))."
        )
    mean, std = channel_statistics(source, split.train)
    return Preprocessing(
        size=(size[0], size[1]),
        channels=source.channels,
        resize=settings.resize or ("crop" if source.kind == "photos" else "squash"),
        mean=mean,
        std=std,
        side=source.side,
        definition=source.definition,
    )


def small_input(source: Source, model: str) -> int | None:
    """Return an input size for small photographs; None if the model's own fits.

    Enlarging photographs of 32 pixels to 128 takes several times as long and shows nothing new.
    So if nine in ten have at most half the pixels of the model's input on their shorter side, it
    is the next multiple of 32 that holds these.

    Parameters
    ----------
    source : Source
        Photographs.
    model : str
        A name in ``MODELS``.

    Returns
    -------
    int or None
        Height and width in pixels.
    """
    own = MODELS[model].input_shape[1]
    most = int(np.quantile(source.sizes.min(axis=1), 0.9, method="higher"))
    size = -(-max(most, MODELS[model].smallest) // 32) * 32
    return size if 2 * most <= own and size < own else None


def build(model: Node, settings: Settings, source: Source, preprocessing: Preprocessing) -> None:
    """Build the model if necessary, and check that it fits these images and classes."""
    shape = (preprocessing.channels, *preprocessing.size)
    if not model.input_shape:
        try:
            model.build(shape, seed=settings.seed)
        except ShapeError as error:
            height, width = preprocessing.size
            takes = "The model cannot take images of"
            if settings.model in MODELS:
                least = MODELS[settings.model].smallest
                takes = f"{settings.model} takes images of {least} x {least} and more, not"
            raise ArgumentError(
                f"{takes} {height} x {width}. Choose a larger `image_size`, or another `model`. "
                f"({error})"
            ) from None
    _ = model.store  # a part of another model is refused here
    square = settings.image_size
    if model.input_shape != shape or (square is not None and shape[1:] != (square, square)):
        raise ArgumentError(
            f"The model is built for inputs of shape {model.input_shape}, but the images give "
            f"{shape if square is None else (shape[0], square, square)}. Build it for that "
            "shape, or pass it before it is built."
        )
    if model.output_shape != (len(source.classes),):
        raise ArgumentError(
            f"The model's output has shape {model.output_shape}, but the data have "
            f"{len(source.classes)} classes. Let it end in Linear({len(source.classes)})."
        )


def optimiser_of(model: Node, settings: Settings) -> Optimiser:
    """Make the optimiser of a run's settings, without any state."""
    lr, decay = settings.lr, settings.weight_decay
    if settings.optimiser == "sgd":
        return SGD(model, lr, settings.momentum, settings.nesterov, decay)
    kind = Adam if settings.optimiser == "adam" else AdamW
    return kind(model, lr, weight_decay=decay)


def criterion_of(settings: Settings, source: Source, train: Integers) -> CrossEntropy:
    """Make the loss of a run's settings.

    With `class_weights` all classes count equally. A class without training images has the weight
    0, which no image uses.
    """
    if not settings.class_weights:
        return CrossEntropy(settings.label_smoothing)
    counts = np.bincount(source.labels[train], minlength=len(source.classes))
    present = counts > 0
    weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return CrossEntropy(settings.label_smoothing, tuple(weights.tolist()))
