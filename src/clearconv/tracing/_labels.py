"""The labels of a traced batch, as class numbers."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers import Node
from clearconv.words import meant, some

#: A class by number or name; None for the one that the model predicts.
Label = int | str | None


def names_of(model: Node) -> tuple[str, ...]:
    """Return the names of the model's classes, if it carries any."""
    names = model.info.get("classes")  # from an unknown file: it may be anything
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def class_numbers(
    label: Any, others: Any, logits: Array, names: tuple[str, ...]
) -> tuple[int, ...]:
    """Return the class of each image: that of the first, then those of the others in its batch.

    Parameters
    ----------
    label : int, str or None
        Label of the first image.
    others : sequence of int, str or None, or None
        Labels of the other images; None if none were given.
    logits : ndarray of shape (N, K)
        Images without a given label get their most probable class.
    names : tuple of str
        Names of the classes; empty if the model has none.
    """
    N = len(logits)
    others = [others] if others is not None and np.ndim(others) == 0 else others
    rest: Sequence[Any] = [None] * (N - 1) if others is None else list(others)
    if len(rest) != N - 1:
        raise ArgumentError(
            f"trace: batch has {N - 1} images and {len(rest)} labels; one is needed for each."
        )
    likeliest = logits.argmax(axis=1)
    return tuple(
        int(best) if one is None else _number(one, logits.shape[1], names)
        for one, best in zip((label, *rest), likeliest, strict=True)
    )


def _number(label: Any, classes: int, names: tuple[str, ...]) -> int:
    if isinstance(label, str):
        if label in names:
            return names.index(label)
        if not names:
            raise ArgumentError(
                f"trace: label={label!r}, but the model has no class names. Give a "
                f"number, 0 to {classes - 1}."
            )
        raise ArgumentError(
            f"trace: label={label!r}, but the classes are {some(names, 12)}.{meant(label, names)}"
        )
    whole = hasattr(label, "__index__") and not isinstance(label, bool | np.ndarray)
    if not whole or not 0 <= index(label) < classes:
        raise ArgumentError(
            f"trace: label={label!r}, but a class is needed: a number from 0 to {classes - 1}, or "
            "a name."
        )
    return index(label)
