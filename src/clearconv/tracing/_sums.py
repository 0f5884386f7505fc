"""Sums of products as columns of numbers, so that a million terms need no million objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.tracing._explanation import Factor, Term

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Column:
    """One factor of every term: the position and the value of each number."""

    path: str
    array: str
    places: Places  # (terms, axes)
    values: Array  # (terms,), float64

    @classmethod
    def of(cls, path: str, name: str, array: Array, *axes: Any) -> "Column":
        """Read the numbers at these places; an axis is an int, or an array of ints."""
        spread = np.broadcast_arrays(*map(np.atleast_1d, axes))
        places = np.stack(spread, axis=1).astype(np.intp)  # (terms, axes)
        return cls(path, name, places, array[tuple(places.T)].astype(np.float64))

    @classmethod
    def constant(cls, path: str, name: str, values: Any) -> "Column":
        """Return numbers that are not elements of an array."""
        numbers = np.atleast_1d(np.asarray(values, np.float64))
        return cls(path, name, np.empty((len(numbers), 0), np.intp), numbers)

    def factor(self, term: int) -> Factor:
        """Return the factor of one term; a column of one number applies to all terms."""
        row = term if len(self.values) > 1 else 0
        index = tuple(map(int, self.places[row]))
        return Factor(self.path, self.array, index, float(self.values[row]))


@dataclass(frozen=True, eq=False)
class Products:
    """Terms of the same form: the columns are multiplied row by row."""

    columns: tuple[Column, ...]

    @property
    def values(self) -> Array:
        """The products, float64."""
        product = np.ones(max((len(column.values) for column in self.columns), default=0))
        if any(len(column.values) == 0 for column in self.columns):
            return np.zeros(0)
        for column in self.columns:
            product = product * column.values
        return product

    def term(self, number: int) -> Term:
        """Return one term."""
        return Term(tuple(column.factor(number) for column in self.columns))


def products(*columns: Column) -> Products:
    """Return the terms made of these columns."""
    return Products(columns)


def cross(*axes: Sequence[Any]) -> list[Places]:
    """Run through every combination; each axis is several arrays that run together.

    ``cross([k], [i, r], [j, t])`` returns k, i, r, j, t for each combination, the last axis
    fastest.
    """
    lengths = [len(together[0]) for together in axes]
    found = []
    for number, together in enumerate(axes):
        shape = [1] * len(axes)
        shape[number] = -1
        for one in together:
            column = np.asarray(one, np.intp).reshape(shape)
            found.append(np.broadcast_to(column, lengths).ravel())
    return found


def pairs(met: Sequence[tuple[int, int]]) -> tuple[Places, Places]:
    """Split a list of pairs into two arrays."""
    both = np.array(met, np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def lay_out(sums: Sequence[Products], largest: int | None) -> tuple[tuple[Term, ...], float, int]:
    """Return terms, the sum of the omitted ones, and their number.

    All terms in order; or, if there are more than `largest`, only the `largest` largest, in
    descending order.
    """
    values = [one.values for one in sums]
    counts = [len(one) for one in values]
    owners = np.repeat(np.arange(len(sums)), counts)
    numbers = np.concatenate([np.arange(count) for count in counts] or [np.zeros(0, int)])
    chosen = np.arange(len(owners))
    rest, left_out = 0.0, 0
    if largest is not None and len(chosen) > largest:
        whole = np.concatenate(values)
        order = np.argsort(-np.abs(whole), kind="stable")
        chosen, others = order[:largest], order[largest:]
        rest, left_out = float(whole[others].sum()), len(others)
    terms = tuple(sums[owners[k]].term(int(numbers[k])) for k in chosen)
    return terms, rest, left_out
