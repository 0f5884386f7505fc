"""Folds of a cross-validation: every image is in the test part of exactly one."""

import numpy as np

from clearconv.data.sources.source import Integers, Source, Split
from clearconv.data.splitting.split import make_split
from clearconv.errors import ArgumentError, DataError
from clearconv.random import generator

#: Shares of training and validation among the images that a fold does not test on.
_REST = (8, 1, 0)


def make_folds(source: Source, folds: int, seed: int) -> tuple[Split, ...]:
    """Divide the images into folds, and return for each the split that tests on it.

    Each class is divided separately, so that each fold has the classes in the same proportion, and
    near twins stay in one fold.

    Parameters
    ----------
    source : Source
        The data. If they bring a validation part, each fold is validated on that; else on a ninth
        of the images on which it does not test.
    folds : int
        Number of folds, at least 2.
    seed : int
        The run's seed; the same seed and images give the same folds.

    Returns
    -------
    tuple of Split
        Sorted numbers. The test parts do not overlap, and cover all images but those of a given
        validation part.

    Raises
    ------
    ArgumentError
        If `folds` is less than 2, or the data bring a test part.
    DataError
        If a class has fewer different images than there are folds, or none is left to validate on.

    Notes
    -----
    The largest groups of twins come first, else the order is drawn by the seed. Each group goes to
    the fold that has the fewest images of its class; of several such, to the smallest fold.
    """
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise ArgumentError(
            f"`folds={folds!r}`, but a whole number from 2 on is needed: one fold is for the "
            "test and the others are for training. 5 is usual."
        )
    given = source.split
    if given is not None and len(given.test):
        raise ArgumentError(
            f"{source.name} brings its own test part of {len(given.test):,} images, so folds have "
            "no effect on what is tested. Leave folds out to test on that part, or put all images "
            "into one folder for each class."
        )
    pool = np.arange(len(source)) if given is None else given.train
    labels, groups = source.labels[pool], source.twins.alike[pool]
    _check_classes(source, labels, groups, folds)
    fold = _assign(labels, groups, folds, seed)
    splits = []
    for number in range(folds):
        rest = pool[fold != number]
        if given is not None and len(given.validation):
            train, validation = rest, given.validation
        else:
            parts = make_split(source.labels[rest], seed, _REST, source.twins.alike[rest])
            train, validation = rest[parts.train], rest[parts.validation]
        if not len(validation):
            raise DataError(
                f"With `folds={folds}` the {len(rest)} images that a fold does not test on are too "
                "few to take some for validation. Give every class more images."
            )
        splits.append(Split(train, validation, pool[fold == number]))
    return tuple(splits)


def usual_folds(source: Source) -> int:
    """Return the number of folds to recommend.

    Parameters
    ----------
    source : Source
        The data, with copies found.

    Returns
    -------
    int
        5, or fewer if a class is tiny; 0 if no folds can be made.
    """
    if source.split is not None and len(source.split.test):
        return 0
    pool = np.arange(len(source)) if source.split is None else source.split.train
    labels, groups = source.labels[pool], source.twins.alike[pool]
    kinds = range(len(source.classes))
    least = min(len(np.unique(groups[labels == label])) for label in kinds)
    return min(5, least) if least >= 4 else 0  # with three, none would be left for validation


def _check_classes(source: Source, labels: Integers, groups: Integers, folds: int) -> None:
    """Raise if a class cannot have an image in every fold."""
    for label, name in enumerate(source.classes):
        own = groups[labels == label]
        different = len(np.unique(own))
        if different < folds:
            counted = f"{len(own)} images" if len(own) != 1 else "1 image"
            if different < len(own):
                pictures = "picture" if different == 1 else "pictures"
                counted += (
                    f", which show {different} different {pictures} (copies stay in one fold)"
                )
            remedy = f"Take `folds={different}` or fewer" if different > 1 else "Leave `folds` out"
            if different == 1 < len(own):
                remedy += ", where copies may lie in several parts (`allow_twins_apart=True`)"
            raise DataError(
                f"`folds={folds}`, but class {name} has {counted}, and each fold needs one to test "
                f"on. {remedy}, or give more images."
            )


def _assign(labels: Integers, groups: Integers, folds: int, seed: int) -> Integers:
    """Return the fold of each image."""
    rng = generator(seed, "folds")
    fold = np.full(len(labels), -1, dtype=np.int64)
    counts = np.zeros((labels.max() + 1, folds), dtype=np.int64)
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(i)
    for label in np.unique(labels):
        shuffled = rng.permutation(np.flatnonzero(labels == label))
        order = dict.fromkeys(groups[shuffled].tolist())
        for group in sorted(order, key=lambda group: -len(members[group])):
            together = members[group]
            if fold[together[0]] >= 0:
                continue  # it has members in an earlier class
            place = min(range(folds), key=lambda k: (counts[label, k], counts[:, k].sum(), k))
            fold[together] = place
            counts[:, place] += np.bincount(labels[together], minlength=len(counts))
    return fold
