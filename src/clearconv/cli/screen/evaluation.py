"""The output after a test: confusion, precision and recall, mistakes, accuracy."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from clearconv.runs.interval import FEW_TESTED
from clearconv.words import counted, printable, table, width

if TYPE_CHECKING:
    from clearconv.train import Evaluation

_SCREEN = 80
_MISTAKES = 20
_CONFUSIONS = 20


def tables(evaluation: "Evaluation", full_list: str) -> Iterator[str]:
    """Yield the lines of an evaluation, all but the last one: the accuracy.

    Parameters
    ----------
    evaluation : Evaluation
        At least one image.
    full_list : str
        Where to find all mistakes if there are too many for the screen.
    """
    yield from _confusion(evaluation)
    yield ""
    yield from _classes(evaluation)
    wrong = evaluation.wrong()
    yield ""
    if not wrong:
        yield "No image was misclassified."
        return
    yield f"{counted(len(wrong), 'image')} misclassified, most confident first:"
    rows = [
        (mistake.label, mistake.prediction, f"{mistake.probability:.3f}", mistake.file)
        for mistake in wrong[:_MISTAKES]
    ]
    yield from table(("true", "predicted", "probability", "file"), rows, right=(2,))
    if len(wrong) > _MISTAKES:
        yield f"... and {len(wrong) - _MISTAKES} more; {full_list}"


def sureness(evaluation: "Evaluation", remedy: str = "") -> Iterator[str]:
    """Yield the lines before the last one: how reliable the accuracy is.

    Parameters
    ----------
    evaluation : Evaluation
        At least one image.
    remedy : str
        What to do if there are few images.
    """
    low, high = evaluation.interval
    pictures, total = evaluation.pictures, evaluation.total
    if pictures < total:
        yield (
            f"the {total:,} test images show {counted(pictures, 'different picture')}; copies of "
            "one count as one"
        )
    if pictures < FEW_TESTED:
        what = "picture" if pictures < total else "test image"
        are = f"{what} is too few" if pictures == 1 else f"{what}s are few"
        more = f"; {remedy}" if remedy else ""
        yield (
            f"{pictures} {are}: the true accuracy may lie anywhere from {low:.2f} to "
            f"{high:.2f}{more}"
        )
    yield f"95 % interval {low:.4f} to {high:.4f}"


def refusals(evaluation: "Evaluation") -> Iterator[str]:
    """Yield the lines about abstaining.

    Parameters
    ----------
    evaluation : Evaluation
        With its `abstention`.
    """
    counts = evaluation.abstention
    assert counts is not None
    yield "Abstaining: images that get an answer, and why the others do not"
    rows = [
        (
            f"not a class: {printable(group.name)}" if group.foreign else group.name,
            group.images,
            group.unsure,
            group.unlike,
            group.accepted,
            _share(group.share),
        )
        for group in counts.groups
    ]
    head = ("images", "number", "unsure", "unlike", "answered", "share")
    yield from table(head, rows, right=range(1, len(head)))
    yield f"accuracy of the answers {_share(counts.accuracy)}"


def accuracy(evaluation: "Evaluation") -> str:
    """Return the line that ends a report."""
    right, total = evaluation.right, evaluation.total
    missing = f"; not tested: {class_names(evaluation.untested)}" if evaluation.untested else ""
    return f"test accuracy {evaluation.accuracy:.4f} ({right} of {total}){missing}"


def class_names(classes: tuple[str, ...], most: int = 10) -> str:
    """List classes, the first few of many."""
    shown = ", ".join(map(printable, classes[:most]))
    return shown if len(classes) <= most else f"{shown}, ... and {len(classes) - most} more"


def _confusion(evaluation: "Evaluation") -> Iterator[str]:
    """Show the matrix with names, else with numbers for columns, else its largest entries."""
    counts, classes = evaluation.confusion, evaluation.classes
    numbers = [str(number) for number in range(1, len(classes) + 1)]
    numbered = [f"{number} {name}" for number, name in zip(numbers, classes, strict=True)]
    for rows, columns in ((classes, classes), (numbered, numbers)):
        cells = [(name, *row) for name, row in zip(rows, counts.tolist(), strict=True)]
        right = range(1, len(classes) + 1)
        lines = table(("true \\ predicted", *columns), cells, right=right)
        if max(map(width, lines)) < _SCREEN:
            yield "Confusion: rows are true classes, columns are predicted classes"
            yield from lines
            return
    yield "Most frequent confusions"
    counts = counts * (1 - np.eye(len(classes), dtype=np.int64))
    order = np.argsort(-counts, axis=None, kind="stable")[:_CONFUSIONS]
    places = [divmod(int(place), len(classes)) for place in order]
    pairs = [(classes[i], classes[j], counts[i, j]) for i, j in places if counts[i, j]]
    yield from table(("true", "predicted", "images"), pairs, right=(2,))


def _classes(evaluation: "Evaluation") -> Iterator[str]:
    images = np.bincount(evaluation.labels, minlength=len(evaluation.classes))
    rows = [
        (name, number, _share(precision), _share(recall))
        for name, number, precision, recall in zip(
            evaluation.classes, images, evaluation.precision, evaluation.recall, strict=True
        )
    ]
    yield from table(("class", "images", "precision", "recall"), rows, right=(1, 2, 3))


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
