"""Image folders: every file is read and decoded once, on threads, and kept if memory allows."""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearconv.data.batches.ahead import in_order
from clearconv.data.images.decode import content_of, decode_sized, kind_of, load_image, shortage
from clearconv.data.images.formats import FORMATS_IN_WORDS, BrokenImage
from clearconv.data.images.resize import Pixels
from clearconv.data.sources.layout import Candidate, FolderLayout, read_layout
from clearconv.data.sources.problems import Problem, by_gravity
from clearconv.data.sources.source import PARTS, Source, Split, some_classes
from clearconv.data.splitting.alikeness import SIDE
from clearconv.data.splitting.twin_words import describe_twins
from clearconv.data.splitting.twins import Twins, find_twins, thumbnail
from clearconv.errors import DataError
from clearconv.machine import cores

Progress = Callable[[int, int], None]
#: Number of files read ahead per thread.
_AHEAD = 4
#: Bytes of the largest decoded picture that waits in the queue or stays in memory.
_MOST_KEPT = 2**26


@dataclass(eq=False, kw_only=True)
class ImageFolder(Source):
    """A folder of photographs with one sub-folder per class.

    Attributes
    ----------
    cache : list of ndarray or None
        Decoded pixels; None for images beyond the memory budget.
    hashes : tuple of str
        SHA-256 of each image's file.
    found : Twins
        Result of ``twins``.
    """

    cache: list[Pixels | None]
    hashes: tuple[str, ...]
    found: Twins

    def image(self, sample: int) -> Pixels:
        """Return an image, read-only uint8 of shape (H, W, 3), upright, at most `side` short."""
        kept = self.cache[sample]
        if kept is not None:
            return kept
        assert self.root is not None
        return _read_only(load_image(self.root / self.files[sample], self.side, self.definition))

    @property
    def twins(self) -> Twins:
        """Return which images are the same, or nearly; found when the folder was read."""
        return self.found

    def sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every image's file."""
        return dict(zip(self.files, self.hashes, strict=True))


def open_folder(
    root: Path,
    wanted: Sequence[str] | None,
    progress: Progress | None,
    least: int,
    side: int | None,
    definition: int,
    budget: int,
) -> ImageFolder:
    """Decode every file of the class folders; warn of files that are not images, and omit them."""
    layout = read_layout(root, wanted, least)
    total = len(layout.candidates)
    good: list[Candidate] = []
    hashes: list[str] = []
    digests: list[bytes] = []
    cache: list[Pixels | None] = []
    sizes: list[tuple[int, int]] = []
    shapes: set[tuple[int, ...]] = set()
    thumbnails = np.empty((total, SIDE, SIDE), np.uint8)
    grey = 0
    problems = list(layout.problems)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about odd files that it can read
        for done, (candidate, found) in enumerate(
            _read_all(root, layout, side, definition), start=1
        ):
            if isinstance(found, BrokenImage):
                line = f"{candidate.file} is left out: {found}"
                problems.append(Problem(line, kind_of(candidate.file, found)))
            else:
                thumbnails[len(good)] = found.thumbnail
                good.append(candidate)
                hashes.append(found.sha256)
                digests.append(found.digest)
                sizes.append(found.size)
                shapes.add(found.shape)
                grey += found.grey
                budget -= 0 if found.pixels is None else found.pixels.nbytes
                cache.append(found.pixels if budget >= 0 else None)
            if progress is not None:
                progress(done, total)

    _check_complete(root, layout, good, problems)
    labels = np.array([candidate.label for candidate in good], dtype=np.int64)
    files = tuple(candidate.file for candidate in good)
    measured = np.array(sizes, dtype=np.int64)
    twins = find_twins(digests, thumbnails[: len(good)], measured.min(axis=1))
    split = _split(good)
    shape = shapes.pop() if len(shapes) == 1 else None
    return ImageFolder(
        name=root.resolve().name or "data",
        kind="photos",
        root=root,
        classes=layout.classes,
        labels=labels,
        files=files,
        split=split,
        channels=3,
        size=None if shape is None else (shape[0], shape[1]),
        problems=(*problems, *describe_twins(twins, files, labels, layout.classes, split)),
        skipped=layout.skipped + total - len(good),
        side=side,
        definition=definition,
        cache=cache,
        hashes=tuple(hashes),
        found=twins,
        sizes=measured,
        grey=grey,
    )


@dataclass(frozen=True)
class _Found:
    """The data kept of one file."""

    sha256: str
    digest: bytes  # identifies the picture, however its file is packed
    pixels: Pixels | None
    shape: tuple[int, ...]  # rows and columns of what is kept
    size: tuple[int, int]  # rows and columns in the file
    thumbnail: Pixels
    grey: bool


def _read_all(
    root: Path, layout: FolderLayout, side: int | None, definition: int
) -> Iterator[tuple[Candidate, _Found | BrokenImage]]:
    """Decode the files on threads, in order, only a few ahead."""

    def read(candidate: Candidate) -> _Found | BrokenImage:
        try:
            with content_of(root / candidate.file) as data:
                pixels, size = decode_sized(data, side, definition)
                sha256 = hashlib.sha256(data).hexdigest()
        except BrokenImage as why:
            return why
        except MemoryError:
            raise shortage(root / candidate.file) from None
        small = thumbnail(pixels)
        kept = _read_only(pixels) if pixels.nbytes <= _MOST_KEPT else None
        return _Found(sha256, _digest(pixels), kept, pixels.shape[:2], size, *small)

    return in_order(read, layout.candidates, _AHEAD * cores(), cores())


def _read_only(pixels: Pixels) -> Pixels:
    pixels.flags.writeable = False
    return pixels


def _digest(pixels: Pixels) -> bytes:
    """Return a few bytes that identify a picture, however its file is packed."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _check_complete(
    root: Path, layout: FolderLayout, good: list[Candidate], problems: list[str]
) -> None:
    """Raise if a class has no images to learn from."""
    parted = any(candidate.part for candidate in layout.candidates)
    where = "train" if parted else ""
    usable = {candidate.label for candidate in good if candidate.part == where}
    empty = [name for label, name in enumerate(layout.classes) if label not in usable]
    if not empty:
        return
    tried = sum(layout.classes[candidate.label] in empty for candidate in layout.candidates)
    first = next((line for line in by_gravity(problems) if " is left out: " in line), "")
    raise DataError(
        f"{root}{' (train)' if parted else ''}: no usable image of class {some_classes(empty)} "
        f"({tried} files tried{'; ' + first if tried and first else ''}). Expected "
        f"{FORMATS_IN_WORDS} images. Remove the folder, or choose the classes to use."
    )


def _split(good: list[Candidate]) -> Split | None:
    """Return the split given by the folder's train, validation and test folders."""
    parts = np.array([candidate.part for candidate in good])
    if not parts[0]:
        return None
    train, validation, test = (np.flatnonzero(parts == part) for part in PARTS)
    return Split(train, validation, test)
