"""The common interface of data sets: labels, file names, and pixels by number."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from unicodedata import normalize

from clearconv.data.images.resize import DEFINITION, Pixels
from clearconv.data.splitting.twins import Integers as Integers
from clearconv.data.splitting.twins import Twins
from clearconv.errors import DataError
from clearconv.words import listable, some

#: Names of a split's parts.
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """The images that train, those that choose the model, and those that test it.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Numbers of images of a source, each image in at most one part.
    problems : tuple of str
        Warnings, for instance about images in no part; ``by_gravity`` sorts them.
    """

    train: Integers
    validation: Integers
    test: Integers
    problems: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class Source(ABC):
    """Labelled images.

    Attributes
    ----------
    name : str
        The folder's name, or ``"digits"``.
    kind : {"photos", "digits", "idx", "arrays"}
        Kind of the data.
    root : Path or None
        The folder; None for the bundled digits and for arrays.
    classes : tuple of str
        Names of the classes, in label order.
    labels : ndarray of int64, shape (n,)
        The class of each image.
    files : tuple of str
        Each image's path below `root` with forward slashes, or a made-up one such as
        ``"train/00012"``.
    split : Split or None
        Split that the data bring; its parts may be empty.
    channels : int
        3 for photographs, 1 for idx files, either for arrays.
    size : (int, int) or None
        (H, W) if all images agree.
    sizes : ndarray of int64, shape (n, 2)
        Rows and columns of each image as it is stored, upright.
    grey : int
        Number of images without colour.
    problems : tuple of str
        Warnings, each naming a file; ``by_gravity`` sorts them.
    skipped : int
        Number of files left out because they have no usable image.
    side : int or None
        Photographs are reduced until their shorter side has this many pixels.
    definition : int
        Definition of that reduction, see ``Preprocessing``.
    """

    name: str
    kind: Literal["photos", "digits", "idx", "arrays"]
    root: Path | None
    classes: tuple[str, ...]
    labels: Integers
    files: tuple[str, ...]
    split: Split | None
    channels: int
    size: tuple[int, int] | None
    sizes: Integers
    grey: int
    problems: tuple[str, ...] = field(default=())
    skipped: int = 0
    side: int | None = None
    definition: int = DEFINITION

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @abstractmethod
    def image(self, sample: int) -> Pixels:
        """Return image `sample`, read-only uint8 of shape (H, W, channels)."""

    @property
    @abstractmethod
    def twins(self) -> Twins:
        """Return which images are the same, or nearly."""

    @abstractmethod
    def sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every file that was read, by its path below `root`."""


def check_classes(
    known: Sequence[str],
    wanted: Sequence[str] | None,
    where: str,
    least: int,
    remedy: str = "Give the folder that holds one sub-folder per class.",
) -> None:
    """Raise unless `wanted` (None: all) are `least` or more of the `known` classes."""
    listed = some_classes(known)
    if wanted is None:
        if len(known) < least:
            one = "only one class" if len(known) == 1 else f"only {len(known)} classes"
            raise DataError(f"{where} has {one} ({listed}), but {_needed(least)}. {remedy}")
        return
    if isinstance(wanted, str):
        raise DataError(f"classes is the text {wanted!r}; give a list of class names.")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DataError(f"{where} has no class {some_classes(unknown)}. Its classes are {listed}.")
    if len(set(wanted)) < len(wanted):
        raise DataError(f"classes names a class twice ({some_classes(wanted)}).")
    if len(wanted) < max(1, least):
        raise DataError(
            f"classes selects {len(wanted)} of the classes of {where}, but "
            f"{_needed(max(1, least))}. Its classes are {listed}."
        )


def composed(name: str) -> str:
    """Return a name with its accents composed (Unicode's NFC), so that equal names are equal.

    Macs decompose them: a folder made there and one made elsewhere would differ otherwise.
    """
    return normalize("NFC", name)


def some_classes(names: Sequence[str]) -> str:
    """List the first few classes, in the form in which `classes` are given to a command."""
    return some(map(listable, names), 10)


def _needed(least: int) -> str:
    if least == 2:
        return "a classifier needs at least two"
    return f"at least {least} {'is' if least == 1 else 'are'} needed"
