"""The user's own data: arrays that are already in memory."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from clearconv.data.images.decode import Pixels
from clearconv.data.images.given_image import to_bytes
from clearconv.data.sources.arrays import ArraySource
from clearconv.data.sources.source import Split, check_classes, composed
from clearconv.errors import DataError


def from_arrays(
    images: Pixels,
    labels: Sequence[Any],
    *,
    validation: tuple[Pixels, Sequence[Any]] | None = None,
    test: tuple[Pixels, Sequence[Any]] | None = None,
    least_classes: int = 2,
) -> ArraySource:
    """Make a source from arrays in memory.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W) or (n, H, W, C)
        Grey, or with C = 1 or 3 channels; 0 is black, 255 white. They are not copied.
    labels : sequence of n whole numbers or texts
        Class of each image: a list, an array, or a column of a table such as pandas'. Bytes are
        read as UTF-8. The classes are the labels that occur, sorted.
    validation, test : (images, labels), optional
        Separate parts, of the same size and classes. A missing part is taken from `images` when a
        model is trained.
    least_classes : int
        Smallest number of classes. A classifier is trained on two or more; 1 lets it be evaluated
        on images of a single class.

    Returns
    -------
    ArraySource
        Source with images named ``train/00000``, ..., or ``images/00000`` if there are no parts.

    Raises
    ------
    DataError
        If the arrays have other shapes or dtypes, do not fit together, or a label is missing.
    """
    parts = {"train": (images, labels), "validation": validation, "test": test}
    given = {name: _checked(name, *part) for name, part in parts.items() if part is not None}
    known = np.unique(given["train"][1])
    remedy = "Give images of two or more."
    check_classes(list(map(str, known)), None, "the array of labels", least_classes, remedy)
    for name, (pixels, marks) in given.items():
        if pixels.shape[1:] != given["train"][0].shape[1:]:
            raise DataError(
                f"from_arrays: the {name} images have shape {pixels.shape[1:]}, but the first ones "
                f"{given['train'][0].shape[1:]}; all must have the same size."
            )
        if unknown := sorted(set(np.unique(marks).tolist()) - set(known.tolist())):
            raise DataError(
                f"from_arrays: the {name} labels hold {unknown[0]!r}, which no training image has."
            )
    counts = [len(given[name][1]) if name in given else 0 for name in parts]
    train, valid, tested = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    pixels = given["train"][0]
    if len(given) > 1:
        pixels = np.concatenate([part for part, _ in given.values()])
    pixels = pixels.view()
    pixels.flags.writeable = False
    marks = np.concatenate([marks for _, marks in given.values()])
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    digest.update("\n".join(map(str, marks.tolist())).encode())
    whole = "train" if len(given) > 1 else "images"
    return ArraySource(
        name="arrays",
        kind="arrays",
        root=None,
        classes=tuple(str(name) for name in known),
        labels=np.searchsorted(known, marks).astype(np.int64),
        files=tuple(
            f"{whole if name == 'train' else name}/{i:05d}"
            for name, count in zip(parts, counts, strict=True)
            for i in range(count)
        ),
        split=Split(train, valid, tested) if len(given) > 1 else None,
        channels=pixels.shape[3],
        size=pixels.shape[1:3],
        sizes=np.tile(np.array(pixels.shape[1:3], np.int64), (len(pixels), 1)),
        grey=int(np.sum(np.all(pixels == pixels[..., :1], axis=(1, 2, 3)))),
        pixels=pixels,
        hashes={"arrays": digest.hexdigest()},
    )


def _checked(name: str, images: Pixels, labels: Sequence[Any]) -> tuple[Pixels, np.ndarray]:
    """Return images (n, H, W, C) and labels (n,), or raise."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        kind = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise DataError(
            f"from_arrays: the {name} images are {kind}, but an array of uint8 from 0 to 255 is "
            f"needed.{_conversion(images)}"
        )
    pixels = images[..., np.newaxis] if images.ndim == 3 else images
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or 0 in pixels.shape:
        swap = " Write x.transpose(0, 2, 3, 1)." if images.shape[1:2] in ((1,), (3,)) else ""
        raise DataError(
            f"from_arrays: the {name} images have shape {images.shape}, but (n, H, W) or "
            f"(n, H, W, channels), with 1 or 3 channels, is needed.{swap}"
        )
    marks = _marks(name, labels, len(pixels))
    if marks.dtype.kind == "U":
        marks = np.array([composed(mark) for mark in marks.tolist()])
    return pixels, marks


def _conversion(images: Any) -> str:
    """Suggest how to make an array of uint8, as far as what was given shows."""
    if isinstance(images, np.ndarray):
        return to_bytes(images)
    if not isinstance(images, list | tuple) or not images:
        return ""
    if all(isinstance(one, np.ndarray) for one in images):
        if len({(one.shape, one.dtype) for one in images}) > 1:
            return " All images must have one size and dtype."
        stacked = np.stack(images)
        other = "" if stacked.dtype == np.uint8 else to_bytes(stacked)
        return f" Make them one array with {'x = ' if other else ''}np.stack(x).{other}"
    if all(isinstance(one, Image.Image) for one in images):
        if len({one.size for one in images}) > 1:
            return " All images must have one size."
        same = {one.mode for one in images} in ({"L"}, {"RGB"})
        image = "i" if same else "i.convert('RGB')"
        return f" Make them one array with np.stack([np.asarray({image}) for i in x])."
    return ""


def _marks(name: str, labels: Sequence[Any], count: int) -> np.ndarray:
    """Return the labels (count,) as whole numbers or as text, or raise."""
    if isinstance(labels, np.ma.MaskedArray):
        labels = labels.tolist()  # None where a label is masked
    # Of a list NumPy would make text where one label is a text, and "nan" of a missing one.
    given = np.asarray(labels, dtype=None if hasattr(labels, "dtype") else object)
    needed = f"a whole number or a text for each of the {count} images is needed"
    if given.shape != (count,):
        remedy = ""
        if given.ndim == 2 and len(given) == count:
            remedy = " Write np.ravel(labels)." if given.size == count else ""
            remedy = remedy or " For one column per class write np.argmax(labels, axis=1)."
        raise DataError(
            f"from_arrays: the {name} labels have shape {given.shape}, but {needed}.{remedy}"
        )
    if given.dtype.kind in "iuU":
        return given
    values = given.tolist()
    missing = [place for place, value in enumerate(values) if _is_missing(value)]
    if missing:
        are, first = "is" if len(missing) == 1 else "are", missing[0]
        raise DataError(
            f"from_arrays: {len(missing)} of the {count} {name} labels {are} missing "
            f"({values[first]}, first at index {first}). Leave those images and labels out, or "
            "give them a class."
        )
    kinds = {_kind(value): value for value in values}
    if len(kinds) == 1 and kinds.keys() <= {"whole number", "text"}:
        return np.array([_text(name, v) if isinstance(v, bytes) else v for v in values])
    what = " and ".join(f"{kind} ({value!r})" for kind, value in sorted(kinds.items()))
    remedy = " Make them one kind: [str(label) for label in labels]."
    if set(kinds) == {"float"} and all(map(float.is_integer, values)):
        remedy = " Write labels.astype(int)."
    raise DataError(
        f"from_arrays: the {name} labels (dtype {given.dtype}) are {what}, but {needed}.{remedy}"
    )


def _is_missing(value: object) -> bool:
    """Return whether this is None, NaN, or another missing value of pandas or masked arrays."""
    if value is None or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _kind(value: object) -> str:
    """Name the kind of a label in words."""
    if isinstance(value, str | bytes):
        return "text"
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return "whole number"
    return type(value).__name__


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise DataError(
            f"from_arrays: the {name} label {value!r} is not UTF-8. Decode the labels first, for "
            "instance [label.decode('latin-1') for label in labels]."
        ) from None
