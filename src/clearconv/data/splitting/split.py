"""Training, validation and test parts: made by class shares, completed, written, read."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearconv.data.sources.source import Integers, Source, Split, composed, some_classes
from clearconv.errors import DataError
from clearconv.files import read_text, write_atomically
from clearconv.random import generator
from clearconv.words import some

_KEYS = {
    "train": ("train",),
    "validation": ("validation", "valid", "val"),
    "test": ("test",),
}


def make_split(
    labels: Integers,
    seed: int,
    ratios: Sequence[float] = (8, 1, 1),
    groups: Integers | None = None,
) -> Split:
    """Divide every class separately, so that each part has the classes in the same proportion.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        The class of each image.
    seed : int
        The run's seed; the same seed and labels give the same split.
    ratios : three numbers
        Ratios of train, validation and test; a ratio of 0 leaves that part empty.
    groups : ndarray of int64, shape (n,), optional
        Images with the same number stay together, such as ``source.twins.alike``. Images with a
        number of their own are divided as without groups.

    Returns
    -------
    Split
        Sorted numbers. If a class has at least three images, every part with a share gets one, as
        far as its groups allow.

    Raises
    ------
    DataError
        If the ratios are not three numbers, none negative, the first positive.

    Notes
    -----
    Largest remainder: each part gets the whole number below its quota, and what is left goes to
    the largest fractions, the earlier part first where they tie. A group goes into the first part
    that has room for all of it, else into the one with most room. Where that leaves a class
    without images in a part, groups are moved: see `_complete`.
    """
    shares = np.asarray(ratios, dtype=np.float64)
    if shares.shape != (3,) or not np.isfinite(shares).all() or min(shares) < 0 or not shares[0]:
        raise DataError(
            f"ratios are {tuple(ratios)}, but three shares are needed (train, validation, test), "
            "none negative and the first positive, such as (8, 1, 1)."
        )
    rng = generator(seed, "split")
    if groups is None:
        groups = np.arange(len(labels))
    part = np.empty(len(labels), dtype=np.int64)
    place: dict[int, int] = {}  # of the groups
    for label in np.unique(labels):
        shuffled = rng.permutation(np.flatnonzero(labels == label))
        left = _counts(len(shuffled), shares)
        together: dict[int, list[int]] = {}
        for sample in shuffled.tolist():
            together.setdefault(int(groups[sample]), []).append(sample)
        for group in place.keys() & together.keys():  # has members in an earlier class
            left[place[group]] -= len(together[group])
        for group, members in together.items():
            if group not in place:
                fits = [number for number in range(3) if left[number] >= len(members)]
                most = max(np.flatnonzero(shares).tolist(), key=left.__getitem__)
                place[group] = fits[0] if fits else most
                left[place[group]] -= len(members)
            part[members] = place[group]
    _complete(part, labels, groups, shares > 0)
    train, validation, test = (np.flatnonzero(part == number) for number in range(3))
    return Split(train, validation, test)


def _complete(part: Integers, labels: Integers, groups: Integers, wanted: np.ndarray) -> None:
    """Move groups into parts that lack a class, if that leaves no more important part without it.

    A class is missed most in training, then in the test, then in validation. Of the groups that
    help most, the one of fewest images is moved. Nothing changes where nothing is missing.

    Parameters
    ----------
    part : ndarray of int64, shape (n,)
        0, 1 or 2 for each image: training, validation, test. Changed in place.
    labels, groups : ndarray of int64, shape (n,)
        As `make_split` has them.
    wanted : ndarray of bool, shape (3,)
        Parts that have a share.
    """
    kinds, kind = np.unique(labels, return_inverse=True)
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    place = np.empty(len(size), dtype=np.int64)
    place[group] = part
    pairs = np.unique(np.stack((group, kind), axis=1), axis=0)  # which groups have which classes
    begins = np.searchsorted(pairs[:, 0], np.arange(len(size) + 1))
    held = np.zeros((len(kinds), 3), dtype=np.int64)  # groups of each class in each part
    np.add.at(held, (pairs[:, 1], place[pairs[:, 0]]), 1)
    large = np.bincount(kind) >= 3

    def gain(group: int, to: int) -> tuple[int, int, int]:
        """Count classes that training, test and validation get, minus those that they lose."""
        mine, source = pairs[begins[group] : begins[group + 1], 1], place[group]
        change = np.zeros(3, dtype=np.int64)
        change[to] += np.sum(held[mine, to] == 0)
        change[source] -= np.sum(held[mine, source] == 1)
        return int(change[0]), int(change[2]), int(change[1])

    moved = True
    while moved:  # every move counts, so this ends
        moved = False
        for missing, to in ((m, to) for m in np.flatnonzero(large) for to in (0, 2, 1)):
            if not wanted[to] or held[missing, to]:
                continue
            candidates = pairs[pairs[:, 1] == missing, 0].tolist()
            best = max(candidates, key=lambda g: (gain(g, to), -size[g]))
            if gain(best, to) > (0, 0, 0):
                mine = pairs[begins[best] : begins[best + 1], 1]
                held[mine, place[best]] -= 1
                held[mine, to] += 1
                place[best], moved = to, True
    part[:] = place[group]


def complete_split(
    source: Source,
    seed: int,
    ratios: Sequence[float] = (8, 1, 1),
    allow_twins_apart: bool = False,
) -> Split:
    """Return the source's own split, its missing parts taken from the training part, or a new one.

    A given part is never changed: if the data bring a test part, its results stay comparable; if
    they bring a validation part, that keeps its purpose, and the test part, which must not have
    chosen the model, is taken from the training images.

    Parameters
    ----------
    source : Source
        The data.
    seed : int
        The run's seed.
    ratios : three numbers
        Shares of train, validation and test. A part that is missing takes its share of the
        training images: 1/10 by default.
    allow_twins_apart : bool
        Split as if no image were a copy of another; the test then also measures memory.

    Returns
    -------
    Split
        All three parts.
    """
    given = source.split
    groups = np.arange(len(source)) if allow_twins_apart else source.twins.alike
    if given is None:
        return make_split(source.labels, seed, ratios, groups)
    train, validation, test = ratios
    has_validation, has_test = len(given.validation) > 0, len(given.test) > 0
    if has_validation and has_test:
        return given
    rest = train + validation * has_validation + test * has_test
    taken = make_split(
        source.labels[given.train],
        seed,
        (rest, 0 if has_validation else validation, 0 if has_test else test),
        groups[given.train],
    )
    return Split(
        given.train[taken.train],
        given.validation if has_validation else given.train[taken.validation],
        given.test if has_test else given.train[taken.test],
    )


def write_split(path: str | Path, split: Split, source: Source) -> None:
    """Write the split as JSON that names files, so that anyone can read or make one.

    Parameters
    ----------
    path : str or path
        The file to write, an object with the lists classes, train, validation and test.
    split : Split
        What to write.
    source : Source
        The data that the split's numbers refer to.
    """
    content: dict[str, list[str]] = {"classes": list(source.classes)}
    for part in _KEYS:
        content[part] = [source.files[sample] for sample in getattr(split, part)]
    write_atomically(Path(path), (json.dumps(content, indent=0) + "\n").encode())


def read_split(path: str | Path, source: Source) -> Split:
    """Read a split written by `write_split` or by hand.

    Parameters
    ----------
    path : str or path
        JSON with lists of files under ``train``, ``validation`` (or ``valid``, ``val``) and
        ``test``; a missing list is an empty part, other keys are not read.
    source : Source
        The data whose files are named.

    Returns
    -------
    Split
        Numbers in the file's order; `problems` says how many images no part names.

    Raises
    ------
    DataError
        If the file is not such JSON, names files that the data lack, or names one twice.
    """
    content = _read_json(Path(path))
    parts = {part: _files(path, content, keys) for part, keys in _KEYS.items()}
    parts = {part: _own_names(files, source) for part, files in parts.items()}
    number = {file: i for i, file in enumerate(source.files)}
    listed = Counter(file for files in parts.values() for file in files)
    unknown = [file for file in listed if file not in number]
    if unknown:
        theirs = content.get("classes")
        hint = "Does the split belong to other data?"
        if isinstance(theirs, list) and set(map(str, theirs)) != set(source.classes):
            hint = (
                f"Its classes are {some_classes(theirs)}, the data was opened with "
                f"{some_classes(source.classes)}."
            )
        raise DataError(
            f"{path} names {len(unknown)} files that {source.name} lacks: {some(unknown, 3)}. "
            f"{hint} Files that hold no usable image count as missing."
        )
    twice = [file for file, count in listed.items() if count > 1]
    if twice:
        raise DataError(
            f"{path} names {len(twice)} files more than once: {some(twice, 3)}. An image may be in "
            "only one part."
        )
    if not parts["train"]:
        raise DataError(f"{path} names no file under 'train'.")
    left = [file for file in source.files if file not in listed]
    problems = (
        (f"{path} names {len(left)} images of {source.name} in no part: {some(left, 3)}",)
        if left
        else ()
    )
    train, validation, test = (
        np.array([number[file] for file in files], dtype=np.int64) for files in parts.values()
    )
    return Split(train, validation, test, problems)


def _own_names(files: list[str], source: Source) -> list[str]:
    """Return files as the data name them, if only the accents are written differently."""
    known = set(source.files)
    composed_names = {composed(file): file for file in source.files}
    return [file if file in known else composed_names.get(composed(file), file) for file in files]


def _counts(n: int, shares: np.ndarray) -> list[int]:
    """Divide `n` images by largest remainder; from 3 on no part with a share stays empty."""
    quotas = n * shares / shares.sum()
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(3), key=lambda part: counts[part] - quotas[part])
    for part in by_remainder[: n - sum(counts)]:
        counts[part] += 1
    if n >= 3:
        for part in range(3):
            if shares[part] and not counts[part]:
                counts[counts.index(max(counts))] -= 1
                counts[part] += 1
    return counts


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(
            f"{path} is not JSON: {error}. Put a whole copy back, or split the data again: "
            "`clearconv.train.train(DATA)` without `split`."
        ) from None
    if not isinstance(content, dict):
        raise DataError(
            f"{path} holds a {type(content).__name__}, but an object with the lists train, "
            "validation and test is needed."
        )
    return content


def _files(path: str | Path, content: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Return the one list among the synonymous keys."""
    present = [key for key in keys if key in content]
    if len(present) > 1:
        raise DataError(f"{path} has both {' and '.join(present)}, which are the same part.")
    files = content[present[0]] if present else []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise DataError(f"{path}: {present[0]!r} is not a list of file names.")
    return files
