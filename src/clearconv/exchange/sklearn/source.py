"""The images of one ``fit`` as data that training takes, with the part that chooses the epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from clearconv.data import Preprocessing, Source, Split, Twins, from_arrays, make_split
from clearconv.data.batches.ahead import in_order
from clearconv.data.images.decode import Pixels
from clearconv.data.images.given_image import ImageLike
from clearconv.data.sources.arrays import ArraySource
from clearconv.data.sources.source import Integers
from clearconv.exchange.sklearn.images import read_picture
from clearconv.machine import cores

#: Bytes of decoded pictures that stay in memory; the others are decoded again in each epoch.
_KEPT = 2**30


def _alone(count: int) -> Twins:
    """Say of no image that it is a copy: in scikit-learn it is the caller who keeps groups."""
    return Twins(np.arange(count), np.arange(count))


class _Arrays(ArraySource):
    """Images of one size, of which nobody looks for copies."""

    @property
    def twins(self) -> Twins:
        """Return that no image is a copy of another."""
        return _alone(len(self))


@dataclass(eq=False, kw_only=True)
class _Pictures(Source):
    """Pictures of any size.

    Attributes
    ----------
    images : sequence of files, Pillow images or arrays
        The pictures.
    how : Preprocessing
        Says to which side they are reduced.
    cache : list of ndarray or None
        Pixels; None for a picture that is read when it is needed.
    """

    images: Sequence[ImageLike]
    how: Preprocessing
    cache: list[Pixels | None]

    def image(self, sample: int) -> Pixels:
        """Return image `sample`, uint8 of shape (H, W, 3)."""
        kept = self.cache[sample]
        if kept is not None:
            return kept
        return read_picture(self.images[sample], self.how, self.files[sample])

    @property
    def twins(self) -> Twins:
        """Return that no image is a copy of another."""
        return _alone(len(self))

    def sha256(self) -> dict[str, str]:
        """Return a hash of the names; nothing is resumed from it."""
        return {"pictures": hashlib.sha256("\n".join(self.files).encode()).hexdigest()}


def array_source(pixels: Pixels, labels: Integers, names: Sequence[str], split: Split) -> Source:
    """Return images of one size as a source.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, H, W, C)
        The images.
    labels : ndarray of int64, shape (n,)
        Class numbers, from 0; each occurs.
    names : sequence of str
        Names of the classes.
    split : Split
        Which images train, and which choose the epoch.

    Returns
    -------
    Source
    """
    source = from_arrays(pixels, labels.tolist())
    return _Arrays(**{**vars(source), "classes": tuple(names), "split": split})


def picture_source(
    images: Sequence[ImageLike],
    labels: Integers,
    names: Sequence[str],
    split: Split,
    side: int,
) -> Source:
    """Return pictures of any size as a source; each is decoded once here.

    Parameters
    ----------
    images : sequence of files, Pillow images or arrays
        The pictures.
    labels, names, split
        As for `array_source`.
    side : int
        Larger pictures are reduced until their shorter side has this many pixels.

    Returns
    -------
    Source

    Raises
    ------
    DataError
        If a picture cannot be read; the message names it.
    """
    files = tuple(x if isinstance(x, str) else f"X[{i}]" for i, x in enumerate(images))
    sizes = np.empty((len(images), 2), np.int64)
    cache: list[Pixels | None] = []
    grey, left = 0, _KEPT
    how = Preprocessing(size=(side, side), side=side)
    read = partial(_read, how)
    pairs = zip(images, files, strict=True)
    for sample, (_, pixels) in enumerate(in_order(read, pairs, 4 * cores(), cores())):
        sizes[sample] = pixels.shape[:2]
        grey += bool(np.all(pixels == pixels[..., :1]))
        left -= pixels.nbytes
        cache.append(pixels if left >= 0 else None)
    shapes = {(rows, columns) for rows, columns in sizes.tolist()}
    return _Pictures(
        name="pictures",
        kind="photos",
        root=None,
        classes=tuple(names),
        labels=labels,
        files=files,
        split=split,
        channels=3,
        size=shapes.pop() if len(shapes) == 1 else None,
        sizes=sizes,
        grey=grey,
        images=images,
        side=side,
        how=how,
        cache=cache,
    )


def _read(how: Preprocessing, named: tuple[ImageLike, str]) -> Pixels:
    return read_picture(named[0], how, named[1])


def divided(labels: Integers, share: float, seed: int) -> Split:
    """Divide images into those that train and those that choose the epoch.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Class numbers.
    share : float
        Share of the validation part, at least 0 and less than 1.
    seed : int
        The seed of ``fit``.

    Returns
    -------
    Split
        The validation part is also the test part, whose result nobody sees: the test is the
        caller's. With a share of 0, or too few images, all train, and all choose the epoch.
    """
    parts = make_split(labels, seed, (1 - share, share, 0))
    chosen = parts.validation if len(parts.validation) else parts.train
    return Split(parts.train, chosen, chosen)
