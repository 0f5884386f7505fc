"""One function that opens every kind of data."""

from collections.abc import Sequence
from pathlib import Path

from clearconv.data.images.decode import CACHE_SIDE
from clearconv.data.images.resize import DEFINITION
from clearconv.data.sources.arrays import (
    digits_classes,
    idx_classes,
    is_idx_folder,
    open_digits,
    open_idx,
)
from clearconv.data.sources.folder import Progress, open_folder
from clearconv.data.sources.layout import folder_classes
from clearconv.data.sources.source import Source
from clearconv.errors import DataError


def open_data(
    where: str | Path,
    classes: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
    least_classes: int = 2,
    cache_side: int | None = CACHE_SIDE,
    cache_bytes: int = 2**30,
    definition: int = DEFINITION,
) -> Source:
    """Open a folder of photographs, a folder of idx files, or the bundled digits.

    Every image file is decoded once here, on threads, so broken ones are known by name before
    training starts, and those that fit into `cache_bytes` need not be decoded again.

    Parameters
    ----------
    where : str or path
        - ``"digits"``: the bundled digits (a folder of that name is ``"./digits"``);
        - a folder with one sub-folder per class, images at any depth below;
        - a folder with ``train/`` and ``val/`` (or ``valid/``, ``validation/``) or ``test/``, each
          with one sub-folder per class: taken as that split;
        - a folder of idx files, gzipped or not (MNIST, Fashion-MNIST); classes are named by their
          numbers.
    classes : sequence of str, optional
        Classes to use, in label order. Default: all, sorted by name.
    progress : callable, optional
        Called as ``progress(done, total)`` after every file.
    least_classes : int
        Smallest number of classes. A classifier is trained on two or more; 1 lets it be evaluated
        on images of a single class.
    cache_side : int or None
        Photographs are reduced until their shorter side has this many pixels. Choose it no smaller
        than the network's input; None keeps every size.
    cache_bytes : int
        Memory for decoded photographs; those beyond it are decoded again when needed, with the
        same result.
    definition : int
        Definition of the reduction, see ``Preprocessing``; 1 for models of earlier versions.

    Returns
    -------
    Source
        Labels, file names, and pixels by number. `problems` names every file left out.

    Raises
    ------
    DataError
        If there are fewer than `least_classes` classes with usable images; the message says what
        was found.
    """
    if where == "digits":
        return open_digits(classes, least_classes)
    root = _folder(where)
    if is_idx_folder(root):
        return open_idx(root, classes, least_classes)
    return open_folder(root, classes, progress, least_classes, cache_side, definition, cache_bytes)


def class_names(where: str | Path) -> tuple[str, ...]:
    """Return the names of the classes that `open_data` would find, without decoding an image.

    Parameters
    ----------
    where : str or path
        As for `open_data`.

    Returns
    -------
    tuple of str
        Names in label order. For a ready split, the classes of the training part.

    Raises
    ------
    DataError
        If there are no classes; the message says what was found.
    """
    if where == "digits":
        return digits_classes()
    root = _folder(where)
    return idx_classes(root) if is_idx_folder(root) else folder_classes(root)


def _folder(where: str | Path) -> Path:
    """Return the path of data, or raise if it is not a folder."""
    root = Path(where)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DataError(
            f"{root} {what}, but a folder is needed: one sub-folder of images per class, or idx "
            "files. The word digits stands for the bundled digits."
        )
    return root
