"""The data of a run: counts, sizes, colour, copies and problems."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clearconv.data import groups_of, part_numbers, usual_folds
from clearconv.data.sources.source import PARTS, some_classes
from clearconv.models import MODELS
from clearconv.planning.shapes import MUCH, Shapes, shapes_of
from clearconv.runs.interval import FEW_TESTED
from clearconv.train import Run
from clearconv.train.network import small_input

#: From this ratio of the largest class to the smallest, rare classes are neglected.
_IMBALANCED = 3.0


@dataclass(frozen=True)
class Survey:
    """Contents of the data.

    Attributes
    ----------
    classes : tuple of str
        In label order.
    images : tuple of int
        Number of images per class.
    parts : dict
        Number of images per class in the training, validation and test part.
    smallest, median, largest : (int, int)
        Rows and columns of the image with the fewest and the most pixels, and the medians.
    below_input : int
        Number of images smaller than the network's input, which are enlarged.
    cropped : float
        Median share of its pixels that an image loses when the network sees only its middle; 0 if
        it sees the whole image.
    shapes : Shapes
        Shapes of the images, and the proposed way of fitting them to the input.
    grey : int
        Number of images without colour.
    left_out : int
        Number of files without a usable image.
    same, alike : tuple of tuple of str
        Groups of files with equal pixels, and groups of nearly equal ones, including equal ones.
    straddling : int
        Number of groups that are in more than one part.
    uncompared : int
        Number of images that resemble too many others for every pair to be compared.
    problems : tuple of str
        Warnings, each naming a file.
    advice : tuple of str
        What to do about it.
    """

    classes: tuple[str, ...]
    images: tuple[int, ...]
    parts: dict[str, tuple[int, ...]]
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    below_input: int
    cropped: float
    shapes: Shapes
    grey: int
    left_out: int
    same: tuple[tuple[str, ...], ...]
    alike: tuple[tuple[str, ...], ...]
    straddling: int
    uncompared: int
    problems: tuple[str, ...]
    advice: tuple[str, ...]

    @property
    def imbalance(self) -> float:
        """Return the ratio of the largest class to the smallest."""
        return max(self.images) / min(self.images)

    @property
    def copies(self) -> int:
        """Return the number of images that are copies of another."""
        return sum(map(len, self.alike)) - len(self.alike)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**asdict(self), "imbalance": self.imbalance}


def survey(run: Run) -> Survey:
    """Look at a run's data.

    Parameters
    ----------
    run : Run
        Prepared, not necessarily started.

    Returns
    -------
    Survey
    """
    source, split = run.source, run.split
    kinds = len(source.classes)
    images = np.bincount(source.labels, minlength=kinds)
    area = source.sizes.prod(axis=1)
    rows, columns = run.preprocessing.size
    height, width = source.sizes.T
    part = part_numbers(split, len(source))
    groups = groups_of(source.twins.alike)
    apart = sum(len(set(part[group].tolist()) - {-1}) > 1 for group in groups)
    return Survey(
        classes=source.classes,
        images=tuple(images.tolist()),
        parts={
            name: tuple(np.bincount(source.labels[getattr(split, name)], minlength=kinds).tolist())
            for name in PARTS
        },
        smallest=_pair(source.sizes[area.argmin()]),
        median=_pair(np.median(source.sizes, axis=0)),
        largest=_pair(source.sizes[area.argmax()]),
        below_input=int(np.sum((height < rows) | (width < columns))),
        cropped=run.preprocessing.cut(source.sizes),
        shapes=shapes_of(source.sizes, run.preprocessing.size),
        grey=source.grey,
        left_out=source.skipped,
        same=_files(run, groups_of(source.twins.same)),
        alike=_files(run, groups),
        straddling=apart,
        uncompared=len(source.twins.unknown),
        problems=(*source.problems, *split.problems),
        advice=tuple(_advice(run, images)),
    )


def _advice(run: Run, images: np.ndarray) -> list[str]:
    """Return advice to consider before the run."""
    names, advice = run.source.classes, []
    ratio = images.max() / max(1, images.min())
    if ratio >= _IMBALANCED and not run.settings.class_weights:
        advice.append(
            f"{names[images.argmax()]} has {ratio:.1f} times as many images as "
            f"{names[images.argmin()]}: consider `class_weights=True`, or more images"
        )
    few = [name for name, count in zip(names, images, strict=True) if count < 20]
    if few:
        advice.append(
            f"fewer than 20 images are too few to learn from or to judge by: {some_classes(few)}"
        )
    settings = run.settings
    if run.source.kind == "photos" and settings.model in MODELS and settings.start is None:
        side, own = small_input(run.source, settings.model), MODELS[settings.model].input_shape[1]
        if settings.image_size is None and side is not None:
            advice.append(
                f"the photographs are small, so the network sees {side} x {side} pixels of each, "
                f"which is faster; `image_size={own}` enlarges them to its own {own} x {own}"
            )
    if (cut := run.preprocessing.cut(run.source.sizes)) >= MUCH:
        shapes = shapes_of(run.source.sizes, run.preprocessing.size)
        advice.append(
            f"the network sees only the middle of each image, without {cut:.0%} of a typical one: "
            f"if the classes differ mainly at the ends, consider `resize={shapes.proposed!r}`"
        )
    tested, folds = _different(run), usual_folds(run.source)
    if tested < FEW_TESTED and folds and run.settings.split is None:
        what = "test image" if tested == len(run.split.test) else "different test picture"
        are = f"{what} is" if tested == 1 else f"{what}s are"
        advice.append(
            f"{tested} {are} few to judge by: consider `folds={folds}`, which tests on every image"
        )
    return advice


def _different(run: Run) -> int:
    """Return the number of different pictures in the test part."""
    return len(np.unique(run.source.twins.alike[run.split.test]))


def _files(run: Run, groups: list[list[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(run.source.files[sample] for sample in group) for group in groups)


def _pair(size: np.ndarray) -> tuple[int, int]:
    return int(size[0]), int(size[1])
