"""Explain a trained model's answers for image files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearconv.arrays import Array
from clearconv.data.images.given_image import image_pixels
from clearconv.data.sources.source import composed, some_classes
from clearconv.errors import ArgumentError, DataError
from clearconv.explain.agreement import rank_correlation
from clearconv.explain.gradient_maps import chosen_layer, grad_cam
from clearconv.explain.occlusion_maps import occlusion
from clearconv.ops import softmax
from clearconv.pages import Pixels
from clearconv.runs.evaluation import unanswered
from clearconv.runs.open import open_run


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model does or does not assign one image to one class.

    Attributes
    ----------
    file : str
        The image.
    name : str
        Class to explain.
    probability : float
        Probability of that class, by the model.
    layer : str
        Layer whose maps Grad-CAM weighted.
    pixels : ndarray of uint8, shape (H, W, 3) or (H, W, 1)
        The image as the model sees it, without what a letterbox fills.
    heat : ndarray of shape (H, W)
        Grad-CAM map.
    drop : ndarray of shape (H, W)
        Drop of the probability where the image is covered.
    size : (int, int)
        Rows and columns of the network's input.
    part : (float, float, float, float)
        The part of the image that the maps cover: left and right as shares of its width, top and
        bottom of its height, in the order (left, top, right, bottom).
    """

    file: str
    name: str
    probability: float
    layer: str
    pixels: Pixels
    heat: Array
    drop: Array
    size: tuple[int, int]
    part: tuple[float, float, float, float]

    @property
    def agreement(self) -> float:
        """Return the rank correlation of the two maps: 1 is the same order, 0 no relation."""
        return rank_correlation(self.heat, self.drop)


def explain_images(
    run: str | Path,
    images: Sequence[str | Path],
    name: str | None = None,
    layer: str | None = None,
) -> Iterator[Explanation | DataError]:
    """Explain a model's answers for image files, one after another.

    Images are prepared exactly as the model's file says.

    Parameters
    ----------
    run : str or Path
        A run folder, or a model file.
    images : sequence of str or Path
        Image files. For one that cannot be read, the error is yielded instead.
    name : str, optional
        Class to explain; by default the most probable class of each image.
    layer : str, optional
        As for ``grad_cam``.

    Returns
    -------
    iterator of Explanation or DataError
        In the order of `images`.

    Raises
    ------
    ModelFileError
        If the model cannot be used.
    ArgumentError
        If there is no such class or layer; the message lists those that exist.
    """
    opened = open_run(run)
    model, classes, preprocessing = opened.model, opened.classes, opened.preprocessing
    name = None if name is None else composed(name)
    if name is not None and name not in classes:
        raise ArgumentError(
            f"class {name!r} is not known to the model; it knows {some_classes(classes)}."
        )
    place = chosen_layer(model, layer)

    def explained() -> Iterator[Explanation | DataError]:
        for path in images:
            try:
                image = image_pixels(path, preprocessing)
            except DataError as error:
                yield error
                continue
            x = model.as_input(preprocessing(image))
            with np.errstate(all="ignore"):  # a value that is not finite is reported by name
                probabilities = softmax.forward(model.forward(x[np.newaxis]))[0]
            if not np.isfinite(probabilities).all():
                yield DataError(unanswered(path))
                continue
            target = int(probabilities.argmax()) if name is None else classes.index(name)
            H, W = image.shape[:2]
            left, top, right, bottom = preprocessing.window(image.shape)
            window = slice(top, bottom), slice(left, right)
            left_in, top_in, right_in, bottom_in = preprocessing.box(image.shape)
            yield Explanation(
                str(path),
                classes[target],
                float(probabilities[target]),
                place,
                preprocessing.resized(image)[window],
                grad_cam(model, x, target, place)[window],
                occlusion(model, x, target)[window],
                preprocessing.size,
                (left_in / W, top_in / H, right_in / W, bottom_in / H),
            )

    return explained()
