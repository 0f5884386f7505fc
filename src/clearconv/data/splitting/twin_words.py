"""Warnings about twins that are a mistake: under two classes, or in two parts of a split."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Sized

import numpy as np

from clearconv.data.sources.problems import Problem
from clearconv.data.sources.source import PARTS, Source, Split
from clearconv.data.splitting.twins import Integers, Twins
from clearconv.words import some


def twin_problems(source: Source, split: Split) -> tuple[Problem, ...]:
    """Warn of the same picture, or nearly the same, under two classes or in two parts.

    Parameters
    ----------
    source : Source
        The data.
    split : Split
        Its parts.

    Returns
    -------
    tuple of Problem
        A line for each group of such pictures, and one where the search for them was cut short,
        without those among ``source.problems``.
    """
    lines = describe_twins(source.twins, source.files, source.labels, source.classes, split)
    return tuple(line for line in lines if line not in source.problems)


def describe_twins(
    twins: Twins,
    files: Sequence[str],
    labels: Integers,
    classes: tuple[str, ...],
    split: Split | None,
) -> list[Problem]:
    """Return a line for each group that is under two classes or, else, in two parts.

    If the search for copies was cut short, one more line says so.
    """
    part = part_numbers(split, len(files))
    problems = []
    for group in groups_of(twins.alike):
        by_label: dict[int, int] = {}  # the first image of each
        by_part: dict[int, int] = {}
        for sample in group:
            by_label.setdefault(int(labels[sample]), sample)
            if part[sample] >= 0:
                by_part.setdefault(int(part[sample]), sample)
        equal = len(set(twins.same[group].tolist())) == 1
        are = f"are {'' if equal else 'nearly '}the same picture"
        if len(by_label) > 1:
            names = [classes[label] for label in sorted(by_label)]
            listed = " and ".join(names) if len(names) == 2 else some(names, 3)
            where = f"under {_number(names)} classes ({listed})"
            line = f"{_named(files, group, by_label.values())} {are} {where}"
            problems.append(Problem(line, "labels"))
        elif len(by_part) > 1:
            where = f"in {_number(by_part)} parts of the split"
            line = f"{_named(files, group, by_part.values())} {are} {where}"
            problems.append(Problem(line, "leak"))
    if count := len(twins.unknown):
        line = (
            f"{count:,} images, such as {files[twins.unknown[0]]}, resemble so many others that "
            "not all were compared: there may be unknown copies among them, also in two parts of "
            "the split"
        )
        problems.append(Problem(line, "search"))
    return problems


def groups_of(first: Integers) -> list[list[int]]:
    """List the groups of two and more images.

    Parameters
    ----------
    first : ndarray of int64, shape (n,)
        First image of each image's group, such as ``source.twins.alike``.

    Returns
    -------
    list of list of int
        The images of each group.
    """
    members: dict[int, list[int]] = defaultdict(list)
    crowded = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    for sample in crowded.tolist():
        members[int(first[sample])].append(sample)
    return list(members.values())


def part_numbers(split: Split | None, n: int) -> Integers:
    """Return the part that each image is in.

    Parameters
    ----------
    split : Split or None
        The parts; None puts no image in any.
    n : int
        Number of images.

    Returns
    -------
    ndarray of int64, shape (n,)
        0, 1 or 2 for training, validation or test; -1 for an image in no part.
    """
    part = np.full(n, -1, dtype=np.int64)
    if split is not None:
        for number, name in enumerate(PARTS):
            part[getattr(split, name)] = number
    return part


def _named(files: Sequence[str], same: list[int], telling: Iterable[int]) -> str:
    """Name files, first those with different problems; if there are many, only a few."""
    named = [files[sample] for sample in dict.fromkeys((*telling, *same))]
    return " and ".join(named) if len(named) == 2 else some(named, 3)


def _number(found: Sized) -> str:
    return "two" if len(found) == 2 else str(len(found))
