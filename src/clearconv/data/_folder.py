"""Image folders: every file is read and decoded once, on threads, and kept where memory allows."""

import hashlib
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearconv.data._decode import (
    FORMATS_IN_WORDS,
    BrokenImage,
    Pixels,
    decode,
    load_image,
    read_bytes,
)
from clearconv.data._layout import Candidate, Layout, read_layout
from clearconv.data._source import Source, Split, some
from clearconv.errors import DataError

Progress = Callable[[int, int], None]


@dataclass(eq=False, kw_only=True)
class ImageFolder(Source):
    """A folder of photographs with one sub-folder per class.

    Attributes
    ----------
    side : int or None
        Images are reduced until their shorter side has this many pixels.
    cache : list of ndarray or None
        Decoded pixels; None where the memory budget was spent.
    hashes : tuple of str
        SHA-256 of each image's file.
    """

    side: int | None
    cache: list[Pixels | None]
    hashes: tuple[str, ...]

    def image(self, i: int) -> Pixels:
        """Return image `i`, read-only uint8 of shape (H, W, 3), upright, at most `side` short."""
        kept = self.cache[i]
        if kept is not None:
            return kept
        assert self.root is not None
        return _read_only(load_image(self.root / self.files[i], self.side))

    def sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every image's file."""
        return dict(zip(self.files, self.hashes, strict=True))


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_folder(
    root: Path,
    wanted: Sequence[str] | None,
    progress: Progress | None,
    least: int,
    side: int | None,
    budget: int,
) -> ImageFolder:
    """Decode every file of the class folders; leave out, with a warning, what is no image."""
    layout = read_layout(root, wanted, least)
    good: list[Candidate] = []
    hashes: list[str] = []
    pictures: list[bytes] = []  # a digest of each image's pixels
    cache: list[Pixels | None] = []
    sizes: set[tuple[int, int]] = set()
    problems = list(layout.problems)
    total = len(layout.candidates)

    def read(candidate: Candidate) -> tuple[str, bytes, Pixels] | BrokenImage:
        try:
            data = read_bytes(root / candidate.file)
            pixels = _read_only(decode(data, side))
            return hashlib.sha256(data).hexdigest(), _digest(pixels), pixels
        except BrokenImage as why:
            return why

    with _pool() as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files that it can read
        for done, (candidate, result) in enumerate(
            zip(layout.candidates, pool.map(read, layout.candidates), strict=True), start=1
        ):
            if isinstance(result, BrokenImage):
                problems.append(f"{candidate.file} is left out: {result}")
            else:
                digest, picture, pixels = result
                good.append(candidate)
                hashes.append(digest)
                pictures.append(picture)
                sizes.add(pixels.shape[:2])
                budget -= pixels.nbytes
                cache.append(pixels if budget >= 0 else None)
            if progress is not None:
                progress(done, total)

    _check_complete(root, layout, good, problems)
    return ImageFolder(
        name=root.resolve().name or "data",
        kind="photos",
        root=root,
        classes=layout.classes,
        labels=np.array([candidate.label for candidate in good], dtype=np.int64),
        files=tuple(candidate.file for candidate in good),
        split=_split(good),
        channels=3,
        size=sizes.pop() if len(sizes) == 1 else None,
        problems=(*problems, *_twins(good, pictures, layout.classes)),
        skipped=layout.skipped + total - len(good),
        side=side,
        cache=cache,
        hashes=tuple(hashes),
    )


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """A thread per core; an interruption does not wait for the files still in the queue."""
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="clearconv-decode")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_only(pixels: Pixels) -> Pixels:
    pixels.flags.writeable = False
    return pixels


def _digest(pixels: Pixels) -> bytes:
    """Return a few bytes that tell pictures apart, however their files are packed."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _check_complete(root: Path, layout: Layout, good: list[Candidate], problems: list[str]) -> None:
    """Raise if a class has no image to learn from."""
    parted = any(candidate.part for candidate in layout.candidates)
    where = "train" if parted else ""
    usable = {candidate.label for candidate in good if candidate.part == where}
    empty = [name for label, name in enumerate(layout.classes) if label not in usable]
    if not empty:
        return
    tried = sum(layout.classes[candidate.label] in empty for candidate in layout.candidates)
    first = next((line for line in problems if " is left out: " in line), "")
    raise DataError(
        f"{root}{' (train)' if parted else ''}: no usable image of class {', '.join(empty)} "
        f"({tried} files tried{'; ' + first if tried and first else ''}). Expected "
        f"{FORMATS_IN_WORDS} images. Remove the folder, or choose the classes to use."
    )


def _split(good: list[Candidate]) -> Split | None:
    """Return the split that the folder's train, validation and test folders make."""
    parts = np.array([candidate.part for candidate in good])
    if not parts[0]:
        return None
    train, validation, test = (
        np.flatnonzero(parts == part) for part in ("train", "validation", "test")
    )
    return Split(train, validation, test)


def _twins(good: list[Candidate], pictures: list[bytes], classes: tuple[str, ...]) -> list[str]:
    """Warn of the same picture under two classes, or in two parts of the folder's own split."""
    groups: dict[bytes, list[Candidate]] = defaultdict(list)
    for candidate, picture in zip(good, pictures, strict=True):
        groups[picture].append(candidate)
    problems = []
    for same in groups.values():
        by_label: dict[int, Candidate] = {}  # the first file of each
        by_part: dict[str, Candidate] = {}
        for candidate in same:
            by_label.setdefault(candidate.label, candidate)
            by_part.setdefault(candidate.part, candidate)
        if len(by_label) > 1:
            names = [classes[label] for label in sorted(by_label)]
            listed = " and ".join(names) if len(names) == 2 else some(names)
            where = f"under {_number(names)} classes ({listed})"
            problems.append(f"{_named(same, by_label.values())} are the same picture {where}")
        elif len(by_part) > 1:
            where = f"in {_number(by_part)} parts of the split"
            problems.append(f"{_named(same, by_part.values())} are the same picture {where}")
    return problems


def _named(same: list[Candidate], telling: Iterable[Candidate]) -> str:
    """Name files, first those that differ in what is wrong; of many, only a few."""
    files = [candidate.file for candidate in dict.fromkeys((*telling, *same))]
    return " and ".join(files) if len(files) == 2 else some(files)


def _number(found: Sized) -> str:
    return "two" if len(found) == 2 else str(len(found))
