"""Data of one's own: arrays that lie in memory already."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearconv.data._arrays import ArraySource
from clearconv.data._decode import Pixels
from clearconv.data._source import Split, check_classes
from clearconv.errors import DataError


def from_arrays(
    images: Pixels,
    labels: Sequence[Any],
    *,
    validation: tuple[Pixels, Sequence[Any]] | None = None,
    test: tuple[Pixels, Sequence[Any]] | None = None,
) -> ArraySource:
    """Make data of arrays in memory.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W) or (n, H, W, C)
        Grey, or with C = 1 or 3 channels; 0 is black, 255 white. They are not copied.
    labels : sequence of n numbers or texts
        The class of each; classes are what occurs, sorted.
    validation, test : (images, labels), optional
        Parts of their own, of the same size and classes. What is missing is taken from `images`
        when a model is trained.

    Returns
    -------
    ArraySource
        With the images named ``train/00000``, ..., or ``images/00000`` where there are no parts.

    Raises
    ------
    DataError
        If the arrays are not of these shapes and dtypes, or do not go together.
    """
    parts = {"train": (images, labels), "validation": validation, "test": test}
    given = {name: _checked(name, *part) for name, part in parts.items() if part is not None}
    known = np.unique(given["train"][1])
    check_classes(
        [str(name) for name in known], None, "the array of labels", 2, "Give images of two or more."
    )
    for name, (pixels, marks) in given.items():
        if pixels.shape[1:] != given["train"][0].shape[1:]:
            raise DataError(
                f"from_arrays: the {name} images have shape {pixels.shape[1:]}, but the first ones "
                f"{given['train'][0].shape[1:]}; all must be of one size."
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
            f"from_arrays: the {name} images are {kind}, but uint8 from 0 to 255 is needed. Of "
            "numbers from 0 to 1 make (255 * x).round().astype('uint8')."
        )
    pixels = images[..., np.newaxis] if images.ndim == 3 else images
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or 0 in pixels.shape:
        swap = " Write x.transpose(0, 2, 3, 1)." if images.shape[1:2] in ((1,), (3,)) else ""
        raise DataError(
            f"from_arrays: the {name} images have shape {images.shape}, but (n, H, W) or "
            f"(n, H, W, channels), with 1 or 3 channels, is needed.{swap}"
        )
    marks = np.asarray(labels)
    if marks.shape != (len(pixels),) or marks.dtype.kind not in "iuUS":
        raise DataError(
            f"from_arrays: the {name} labels have shape {marks.shape} and dtype {marks.dtype}, but "
            f"a whole number or a text for each of the {len(pixels)} images is needed."
        )
    return pixels, marks
