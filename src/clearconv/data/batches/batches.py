"""Batches of prepared images, made ahead on a few threads."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from clearconv.data.batches.augmentation import Augmentation
from clearconv.data.batches.threads import thread_pool
from clearconv.data.images.preprocessing import Floats, Preprocessing
from clearconv.data.images.resize import with_channels
from clearconv.data.sources.arrays import ArraySource
from clearconv.data.sources.source import Integers, Source
from clearconv.errors import DataError
from clearconv.machine import cores
from clearconv.random import generator

#: Number of batches prepared ahead of the one in use.
_AHEAD = 2
#: Number of images per job of a thread: a call through the pool costs as much as a small image.
_CHUNK = 4


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one training step.

    Attributes
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Network inputs, a view over channels-last memory.
    labels : ndarray of int64, shape (N,)
        Classes.
    samples : ndarray of int64, shape (N,)
        The images' numbers in their source.
    """

    x: Floats
    labels: Integers
    samples: Integers


def bounds(images: int, batch_size: int, smallest: int = 1) -> Integers:
    """Divide a sequence of images into batches.

    Parameters
    ----------
    images : int
        Number of images, at least 1.
    batch_size : int
        Batch size; the last batch may be smaller.
    smallest : int
        A last batch of fewer images joins the one before it, if there is one.

    Returns
    -------
    ndarray of int64, shape (batches + 1,)
        Where each batch starts, and where the last one ends.
    """
    starts = np.arange(0, images, batch_size)
    if len(starts) > 1 and images - starts[-1] < smallest:
        starts = starts[:-1]
    return np.append(starts, images)


class Batches:
    """Images of a source in batches; iterate as often as you like, with the same result.

    Images are prepared on threads while the caller computes. What a batch holds depends on the
    arguments alone, never on the number of threads.

    Parameters
    ----------
    source : Source
        The data.
    samples : ndarray of int64
        Numbers of the images, for instance ``split.train``.
    preprocessing : Preprocessing
        Conversion of images to numbers.
    batch_size : int
        Batch size; the last batch may be smaller.
    augmentation : Augmentation, optional
        Random variations, drawn for each image by (seed, epoch, number of the image).
    seed, epoch : int
        Keys of the random numbers.
    shuffle : bool
        Whether the images come in an order drawn by (seed, epoch), or in that of `samples`.
    workers : int, optional
        Number of threads; by default the number of cores, or fewer if the system allows no more.
    first : int
        Number of batches to skip at the beginning; they are not prepared, and the following ones
        are the same with and without them.
    smallest : int
        A last batch of fewer images joins the one before it. For training this is
        ``model.smallest_batch``: 2 if batch norm cannot work on a batch of one image.

    Raises
    ------
    DataError
        If there are no images, a number is not in the source, or `batch_size` is not positive.
        While iterating: if a file can no longer be read.
    """

    def __init__(
        self,
        source: Source,
        samples: Integers,
        preprocessing: Preprocessing,
        batch_size: int,
        *,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = False,
        workers: int | None = None,
        first: int = 0,
        smallest: int = 1,
    ) -> None:
        numbers = np.asarray(samples, dtype=np.int64)
        if numbers.ndim != 1 or len(numbers) == 0:
            raise DataError(
                f"Batches: samples has shape {numbers.shape}, but a list of at least one image is "
                "needed. Is that part of the split empty?"
            )
        if numbers.min() < 0 or numbers.max() >= len(source):
            raise DataError(
                f"Batches: samples run from {numbers.min()} to {numbers.max()}, but "
                f"{source.name} has {len(source)} images. Does the split belong to other data?"
            )
        for name, value in (("batch_size", batch_size), ("workers", workers)):
            if value is not None and value < 1:
                raise DataError(f"Batches: {name} is {value}, but at least 1 is needed.")
        if source.side is not None and source.definition != preprocessing.definition:
            raise DataError(
                f"Batches: {source.name} was read by definition {source.definition} of a resized "
                f"picture, but the model's preprocessing is of definition "
                f"{preprocessing.definition}. Give the folder, or "
                f"open_data(folder, definition={preprocessing.definition})."
            )
        if not 1 <= smallest <= batch_size:
            raise DataError(
                f"Batches: smallest is {smallest}, but it must be from 1 to batch_size, which is "
                f"{batch_size}."
            )
        cuts = bounds(len(numbers), batch_size, smallest)
        if not 0 <= first < len(cuts):
            raise DataError(
                f"Batches: first is {first}, but {len(numbers)} images make "
                f"{len(cuts) - 1} batches of {batch_size}."
            )
        if shuffle:
            numbers = generator(seed, "shuffle", epoch=epoch).permutation(numbers)
        self.source = source
        self.samples = numbers[cuts[first] :]
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.augmentation = None if augmentation == Augmentation.none() else augmentation
        self.seed = seed
        self.epoch = epoch
        self.workers = workers or cores()
        self._cuts = cuts[first:] - cuts[first]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._cuts) - 1

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches in order."""
        parts = (self.samples[start:stop] for start, stop in pairwise(self._cuts.tolist()))
        if self._ready_made():
            return map(self._whole, parts)
        return self._prefetched(parts)

    def _ready_made(self) -> bool:
        """Return whether whole batches can be cut out of one array."""
        how = self.preprocessing
        whole = how.resize == "none" or self.source.size == how.size
        whole = whole and (how.side is None or min(how.size) <= how.side)
        return isinstance(self.source, ArraySource) and whole and self.augmentation is None

    def _whole(self, samples: Integers) -> Batch:
        """Prepare a batch of an array source without a loop over its images."""
        assert isinstance(self.source, ArraySource)
        self.preprocessing.box(self.source.pixels[0].shape)  # checks the size
        pixels = with_channels(self.source.pixels[samples], self.preprocessing.channels)
        return self._batch(self.preprocessing.normalised(pixels), samples)

    def _batch(self, x: Floats, samples: Integers) -> Batch:
        return Batch(x.transpose(0, 3, 1, 2), self.source.labels[samples], samples)

    def _prefetched(self, parts: Iterator[Integers]) -> Iterator[Batch]:
        """Keep the threads a few batches ahead; leave none behind, however iteration ends."""
        waiting: deque[tuple[Floats, Integers, list[Future[None]]]] = deque()
        with thread_pool(self.workers, "clearconv-data") as pool:
            for samples in parts:
                x = np.empty(
                    (len(samples), *self.preprocessing.size, self.preprocessing.channels),
                    np.float32,
                )
                chunks = range(0, len(samples), _CHUNK)
                jobs = [
                    pool.submit(self._prepare, samples[k : k + _CHUNK], x[k : k + _CHUNK])
                    for k in chunks
                ]
                waiting.append((x, samples, jobs))
                if len(waiting) > _AHEAD:
                    yield self._finished(waiting)
            while waiting:
                yield self._finished(waiting)

    def _finished(self, waiting: deque[tuple[Floats, Integers, list[Future[None]]]]) -> Batch:
        x, samples, jobs = waiting.popleft()
        for job in jobs:
            job.result()
        return self._batch(x, samples)

    def _prepare(self, samples: Integers, out: Floats) -> None:
        """Prepare a few images into `out` (n, H, W, C)."""
        for sample, place in zip(samples.tolist(), out, strict=True):
            image = self.source.image(sample)
            if self.augmentation is None:
                pixels = self.preprocessing.resized(image)
            else:
                rng = generator(self.seed, "augment", epoch=self.epoch, sample=sample)
                pixels = self.augmentation(image, self.preprocessing, rng)
            self.preprocessing.normalised(pixels, out=place)
