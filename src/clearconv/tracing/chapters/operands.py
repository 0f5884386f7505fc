"""Layers with several inputs: arithmetic on values of different shapes, joins, constants."""

from functools import partial
from math import prod

import numpy as np

from clearconv.layers import Add, Constant, Divide, Join, Multiply, Subtract
from clearconv.tracing._explanation import Index
from clearconv.tracing._function import dotted
from clearconv.tracing._sums import Column, Places, Products, products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer

_KINDS = {kind.__name__: kind for kind in (Add, Subtract, Multiply, Divide)}
_FORMULAS = {
    "Add": (r"y = x_1 + x_2 + \dots", r"dx_k = \sum dy"),
    "Subtract": (r"y = x_1 - x_2", r"dx_1 = \sum dy \qquad dx_2 = -\sum dy"),
    "Multiply": (r"y = x_1 x_2 \cdots", r"dx_k = \sum dy \prod_{i \ne k} x_i"),
    "Divide": (r"y = x_1 / x_2", r"dx_1 = \sum dy / x_2 \qquad dx_2 = -\sum dy\, y / x_2"),
}
_REPEATED = "This input is repeated: the sum is over all places at which it was used."


class Arithmetic(Explainer):
    """Sum, difference, product, quotient; an input that is repeated gets a sum of gradients."""

    explains = tuple(_FORMULAS)

    def derivations(self) -> Derivations:
        """Return the explainers of y and of each input's gradient."""
        found: Derivations = {"y": self._y}
        for number in range(len(self.layer.xs)):
            found[f"grad_x{number + 1}"] = partial(self._back, number)
        return found

    def _y(self, index: Index) -> Derivation:
        places = tuple(np.array([one], np.intp) for one in index)
        columns = [self._operand(number, places) for number in range(len(self.layer.xs))]
        kind, sums = self.layer.type, tuple(products(column) for column in columns)
        if kind == "Subtract":
            sums = (sums[0], products(self.constant("-1", -1), columns[1]))
        elif kind == "Multiply":
            sums = (products(*columns),)
        elif kind == "Divide":
            sums = (
                products(columns[0], Column.constant(self.path, "1/x2", 1 / columns[1].values)),
            )
        function = dotted(_KINDS[kind], "_forward_inputs")
        return Derivation(function, _FORMULAS[kind][0], sums=sums)

    def _back(self, number: int, index: Index) -> Derivation:
        places = self._shown(number, index)
        error = Column.of(self.path, "grad_y", self.layer.grad_y, *places)
        kind = self.layer.type
        function = dotted(_KINDS[kind], "_backward_inputs")
        note = _REPEATED if len(places[0]) > 1 else ""
        sums = (self._share(kind, number, places, error),)
        return Derivation(function, _FORMULAS[kind][1], sums=sums, note=note)

    def _share(self, kind: str, number: int, places: tuple[Places, ...], error: Column) -> Products:
        if kind == "Multiply":
            others = [k for k in range(len(self.layer.xs)) if k != number]
            return products(error, *(self._operand(k, places) for k in others))
        if kind == "Divide":
            below = self._operand(1, places).values
            if number == 0:
                return products(error, Column.constant(self.path, "1/x2", 1 / below))
            y = Column.of(self.path, "y", self.layer.y, *places)
            return products(error, y, Column.constant(self.path, "-1/x2", -1 / below))
        if kind == "Subtract" and number == 1:
            return products(self.constant("-1", -1), error)
        return products(error)

    def _operand(self, number: int, places: tuple[Places, ...]) -> Column:
        """Read an input at places of y."""
        x = self.layer.xs[number]
        lacking = self.layer.y.ndim - x.ndim
        inner = (places[0], *places[1 + lacking :])
        where = [
            here if size > 1 else np.zeros_like(here)
            for here, size in zip(inner, x.shape, strict=True)
        ]
        return Column.of(self.path, f"x{number + 1}", x, *where)

    def _shown(self, number: int, index: Index) -> tuple[Places, ...]:
        """Return the places of y at which a number of an input was used."""
        x, y = self.layer.xs[number], self.layer.y
        lacking = y.ndim - x.ndim
        axes = [_along(x.shape[0], y.shape[0], index[0])]
        axes += [np.arange(size) for size in y.shape[1 : 1 + lacking]]
        axes += [
            _along(size, whole, here)
            for size, whole, here in zip(
                x.shape[1:], y.shape[1 + lacking :], index[1:], strict=True
            )
        ]
        grid = np.meshgrid(*axes, indexing="ij")
        return tuple(one.reshape(prod(one.shape)).astype(np.intp) for one in grid)


def _along(size: int, whole: int, here: int) -> Places:
    """Return where one place of an axis is shown: at itself, or everywhere."""
    return np.arange(whole) if size < whole else np.array([here])


class Joined(Explainer):
    """Values side by side."""

    explains = ("Join",)

    def derivations(self) -> Derivations:
        """Return the explainers of y and of each input's gradient."""
        found: Derivations = {"y": self._y}
        for number in range(len(self.layer.xs)):
            found[f"grad_x{number + 1}"] = partial(self._back, number)
        return found

    def _y(self, index: Index) -> Derivation:
        axis = self.layer.arguments["axis"]
        number = int(np.searchsorted(self._ends(), index[axis], side="right"))
        x = self.layer.xs[number]
        start = self._ends()[number] - x.shape[axis]
        place = [*index[:axis], index[axis] - start, *index[axis + 1 :]]
        place[0] = place[0] if len(x) > 1 else 0
        column = Column.of(self.path, f"x{number + 1}", x, *place)
        return Derivation(dotted(Join, "_forward_inputs"), _JOINED, sums=(products(column),))

    def _back(self, number: int, index: Index) -> Derivation:
        axis, x = self.layer.arguments["axis"], self.layer.xs[number]
        start = self._ends()[number] - x.shape[axis]
        place = [*index[:axis], index[axis] + start, *index[axis + 1 :]]
        images = _along(len(x), len(self.layer.y), index[0])
        column = Column.of(self.path, "grad_y", self.layer.grad_y, images, *place[1:])
        return Derivation(dotted(Join, "_backward_inputs"), _JOINED, sums=(products(column),))

    def _ends(self) -> Places:
        axis = self.layer.arguments["axis"]
        return np.cumsum([x.shape[axis] for x in self.layer.xs])


_JOINED = r"y = (x_1, x_2, \dots)"


class Given(Explainer):
    """A constant: nothing is computed, and a learnt one gets the gradient as it comes."""

    explains = ("Constant",)

    def derivations(self) -> Derivations:
        """Return the explainers of y, and of the gradient of a learnt constant."""
        found: Derivations = {"y": self._y}
        if "value" in self.layer.parameters:
            found["grad_value"] = self._grad_value
        return found

    def _y(self, index: Index) -> Derivation:
        column = Column.of(self.path, "value", self.layer.y, *index)
        note = "A constant: the same for every image."
        function = dotted(Constant, "_forward_inputs")
        return Derivation(function, "y = value", sums=(products(column),), note=note)

    def _grad_value(self, index: Index) -> Derivation:
        place = index or (0,)
        column = Column.of(self.path, "grad_y", self.layer.grad_y, 0, *place)
        function = dotted(Constant, "_backward_inputs")
        return Derivation(function, "dvalue = dy", sums=(products(column),))
