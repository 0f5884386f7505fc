"""Image folders: every file is read and decoded once, on threads, and kept where memory allows."""

import hashlib
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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
from clearconv.data._source import Source, Split
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
    side: int | None,
    budget: int,
) -> ImageFolder:
    """Decode every file of the class folders; leave out, with a warning, what is no image."""
    layout = read_layout(root, wanted)
    good: list[Candidate] = []
    hashes: list[str] = []
    cache: list[Pixels | None] = []
    sizes: set[tuple[int, int]] = set()
    problems = list(layout.problems)
    total = len(layout.candidates)

    def read(candidate: Candidate) -> tuple[str, Pixels] | BrokenImage:
        try:
            data = read_bytes(root / candidate.file)
            return hashlib.sha256(data).hexdigest(), _read_only(decode(data, side))
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
                digest, pixels = result
                good.append(candidate)
                hashes.append(digest)
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
        problems=(*problems, *_twins(good, hashes, layout.classes)),
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


def _twins(good: list[Candidate], hashes: list[str], classes: tuple[str, ...]) -> list[str]:
    """Warn of the same file under two classes, or in two parts of the folder's own split."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate, digest in zip(good, hashes, strict=True):
        groups[digest].append(candidate)
    problems = []
    for same in groups.values():
        files = " and ".join(candidate.file for candidate in same)
        labels = sorted({candidate.label for candidate in same})
        if len(labels) > 1:
            names = " and ".join(classes[label] for label in labels)
            problems.append(f"{files} are the same picture under two classes ({names})")
        elif len({candidate.part for candidate in same}) > 1:
            problems.append(f"{files} are the same picture in two parts of the split")
    return problems
