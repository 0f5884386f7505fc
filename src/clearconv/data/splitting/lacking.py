"""Classes of a split without images to learn from, to validate on, or to test on."""

import numpy as np

from clearconv.data.sources.problems import Problem
from clearconv.data.sources.source import PARTS, Source, Split, some_classes
from clearconv.data.splitting.twins import Integers
from clearconv.words import counted

_PURPOSE = {"train": "to learn from", "validation": "to validate on", "test": "to test on"}


def unusable(source: Source, split: Split, where: str, together: bool) -> str | None:
    """Return why nothing can be trained with a split, or None.

    Parameters
    ----------
    source : Source
        The data.
    split : Split
        Its parts.
    where : str
        Origin of the split, such as ``"the split of the data"`` or ``"ratios (8, 1, 1)"``.
    together : bool
        Whether copies had to stay in one part, unless the data bring that part.

    Returns
    -------
    str or None
        A part without images, or a class without training images, and what to do about it.
    """
    for name in PARTS:
        if len(getattr(split, name)) == 0:
            few = _of_few_pictures(source) if together else []
            if few:
                return (
                    f"The {name} part has no images, because copies of one picture, or near "
                    f"copies, stay in one part: {'; '.join(few)}. Training, validation and test "
                    "need at least three different pictures of a class. Add pictures, or let "
                    "copies lie in several parts (`allow_twins_apart=True`): then the test also "
                    "measures memory."
                )
            return (
                f"The {name} part has no images ({where}), but training learns from one part, "
                "chooses the epoch to keep by the second, and is tested on the third. Give every "
                "part a share, such as `ratios=(8, 1, 1)`, and every class at least three images."
            )
    counts = np.bincount(source.labels[split.train], minlength=len(source.classes))
    if empty := [source.classes[label] for label in np.flatnonzero(counts == 0)]:
        return (
            f"There is no training image of {_class(empty)} ({where}), so nothing can be learnt "
            "about it. Put images of every class into the training part, or choose the classes to "
            "use (`classes`)."
        )
    return None


def class_problems(source: Source, split: Split, together: bool) -> tuple[Problem, ...]:
    """Warn of every class that a part of the split lacks.

    Parameters
    ----------
    source : Source
        The data.
    split : Split
        Its parts.
    together : bool
        Whether copies had to stay in one part, unless the data bring that part.

    Returns
    -------
    tuple of Problem
        One line per class: what it lacks, and why.
    """
    kinds = len(source.classes)
    counts = {
        name: np.bincount(source.labels[getattr(split, name)], minlength=kinds) for name in PARTS
    }
    problems = []
    for label, name in enumerate(source.classes):
        lacking = [part for part in PARTS if not counts[part][label]]
        if not lacking:
            continue
        line = f"{name} has no images {' or '.join(_PURPOSE[part] for part in lacking)}"
        members = np.flatnonzero(source.labels == label)
        groups = _groups(source, members)
        if (
            together
            and all(_chosen(source, part) for part in lacking)
            and groups < min(3, len(members))
        ):
            images = counted(len(members), "image")
            line += (
                f": its {images} are {_pictures(groups)} and copies or near copies of them, and "
                "copies stay in one part. Add pictures, or let copies lie in several "
                "parts (`allow_twins_apart=True`)"
            )
        elif len(members) < 3:
            line += (
                f": it has {counted(len(members), 'image')}, and three parts need at least three"
            )
        else:
            train, validation, test = (int(counts[part][label]) for part in PARTS)
            line += (
                f": the split has {train:,} of it to train, {validation:,} to validate and "
                f"{test:,} to test"
            )
        if "test" in lacking:
            line += ". The test says nothing about it"
        problems.append(Problem(line, "missing"))
    return tuple(problems)


def _chosen(source: Source, part: str) -> bool:
    """Return whether clearconv chose the images of a part, because the data bring none."""
    return source.split is None or len(getattr(source.split, part)) == 0


def _of_few_pictures(source: Source) -> list[str]:
    """Describe the classes whose images are copies of fewer than three pictures."""
    lines = []
    for label, name in enumerate(source.classes):
        members = np.flatnonzero(source.labels == label)
        if (groups := _groups(source, members)) < min(3, len(members)):
            lines.append(f"the {counted(len(members), 'image')} of {name} show {_pictures(groups)}")
    return lines if len(lines) <= 3 else [*lines[:3], f"and {len(lines) - 3} more classes"]


def _groups(source: Source, members: Integers) -> int:
    return len(np.unique(source.twins.alike[members]))


def _class(names: list[str]) -> str:
    return f"{'class' if len(names) == 1 else 'the classes'} {some_classes(names)}"


def _pictures(number: int) -> str:
    return "one picture" if number == 1 else f"{number:,} pictures"
