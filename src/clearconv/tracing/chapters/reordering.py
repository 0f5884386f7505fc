"""Layers that give every number another place: reshape, permute, pad."""

from abc import abstractmethod

import numpy as np

from clearconv.layers.shape.pad import Pad
from clearconv.layers.shape.reshape import Permute, Reshape
from clearconv.tracing._explanation import Index
from clearconv.tracing._function import dotted
from clearconv.tracing._sums import Products, products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer


class _Moved(Explainer):
    """What they share: y has the numbers of x at other places, and dx those of dy."""

    formula: str
    kind: type

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x."""
        return {"y": self._y, "grad_x": self._grad_x}

    @abstractmethod
    def source(self, index: Index) -> Index | None:
        """Return the place in x of a number of y; None if it is not from x."""

    @abstractmethod
    def target(self, index: Index) -> Index:
        """Return the place in y of a number of x."""

    def _y(self, index: Index) -> Derivation:
        place = self.source(index)
        if place is None:
            frame = self.constant("value", self.layer.arguments["value"])
            note = "A number of the frame."
            return self._moved("_forward", (products(frame),), note)
        return self._moved("_forward", (products(self.column("x", *place)),))

    def _grad_x(self, index: Index) -> Derivation:
        column = self.column("grad_y", *self.target(index))
        return self._moved("_backward", (products(column),))

    def _moved(self, function: str, sums: tuple[Products, ...], note: str = "") -> Derivation:
        return Derivation(dotted(self.kind, function), self.formula, sums=sums, note=note)


class Reshaped(_Moved):
    """The same numbers, counted through in another shape."""

    explains = ("Reshape",)
    formula = r"y_{n,\,i} = x_{n,\,i}, \quad i \text{ counts through one input}"
    kind = Reshape

    def source(self, index: Index) -> Index | None:
        """Return the place in x of a number of y."""
        return _recounted(index, self.layer.y.shape, self.layer.input.shape)

    def target(self, index: Index) -> Index:
        """Return the place in y of a number of x."""
        return _recounted(index, self.layer.input.shape, self.layer.y.shape)


class Permuted(_Moved):
    """The axes in another order."""

    explains = ("Permute",)
    formula = r"y_{n,\,i_{a_1}, i_{a_2}, \dots} = x_{n,\,i_1, i_2, \dots}"
    kind = Permute

    def source(self, index: Index) -> Index | None:
        """Return the place in x of a number of y."""
        axes = self.layer.arguments["axes"]
        return (index[0], *(index[1 + axes.index(axis)] for axis in range(1, len(axes) + 1)))

    def target(self, index: Index) -> Index:
        """Return the place in y of a number of x."""
        return (index[0], *(index[axis] for axis in self.layer.arguments["axes"]))


class Padded(_Moved):
    """The numbers of x within a frame."""

    explains = ("Pad",)
    formula = r"y_{n,\,i} = x_{n,\,i - \mathrm{before}}, \text{ or the value outside of x}"
    kind = Pad

    def source(self, index: Index) -> Index | None:
        """Return the place in x of a number of y; None in the frame."""
        before = [side[0] for side in self.layer.arguments["padding"]]
        place = [here - start for here, start in zip(index[1:], before, strict=True)]
        shape = self.layer.input.shape[1:]
        inside = all(0 <= here < size for here, size in zip(place, shape, strict=True))
        return (index[0], *place) if inside else None

    def target(self, index: Index) -> Index:
        """Return the place in y of a number of x."""
        before = [side[0] for side in self.layer.arguments["padding"]]
        return (index[0], *(here + start for here, start in zip(index[1:], before, strict=True)))


def _recounted(index: Index, shape: tuple[int, ...], other: tuple[int, ...]) -> Index:
    """Return the place in one shape that has the number of a place in another."""
    number = np.ravel_multi_index(index[1:], shape[1:])
    return (index[0], *map(int, np.unravel_index(number, other[1:])))
