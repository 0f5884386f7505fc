"""Convolution, transposed convolution and the fully connected layer: sums of weight times x."""

from abc import abstractmethod
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.tracing._data import LayerTrace
from clearconv.tracing._explanation import Index
from clearconv.tracing._sums import Places, Products, cross, pairs, products
from clearconv.tracing._taps import Taps
from clearconv.tracing.chapters.elementwise import activated, deactivated
from clearconv.tracing.chapters.explainer import (
    Derivation,
    Derivations,
    Explainer,
    renamed,
    written,
)


class Weighted(Explainer):
    """The common part of the three: a bias, an activation inside, three gradients of one sum."""

    def __init__(self, layer: LayerTrace) -> None:
        super().__init__(layer)
        self.bends = layer.bends
        # names of the sum and of its gradient
        self.sum, self.error = ("net", "grad_net") if self.bends else ("y", "grad_y")

    def derivations(self) -> Derivations:
        """Net and its gradient are separate quantities if there is an activation."""
        found: Derivations = {self.sum: self._sum, "grad_x": self._grad_x}
        found["grad_weight"] = self._grad_weight
        if "bias" in self.layer.parameters:
            found["grad_bias"] = self._grad_bias
        if self.bends:
            found["y"] = lambda index: activated(self.layer, "net", index)
            found["grad_net"] = lambda index: deactivated(self.layer, "grad_net", "net", index)
        return found

    def _say(self, function: str, *sums: Products, note: str = "") -> Derivation:
        chapter = self.layer.chapter
        formula, reference = written(f"{chapter}.{function}")
        if self.bends:
            formula = renamed(formula, y=r"\mathrm{net}", dy=r"\delta")
        loops = f"ops.{chapter}.loops.{function}"
        return Derivation(loops, formula, reference, sums=sums, note=note)

    def _bias(self, index: Index) -> tuple[Products, ...]:
        """The bias as a term of its own."""
        if "bias" not in self.layer.parameters:
            return ()
        shared = self.layer.parameters["bias"].value.ndim == 1
        return (products(self.column("bias", *(index[1:2] if shared else index[1:]))),)

    @abstractmethod
    def _sum(self, index: Index) -> Derivation:
        """Explain an output before the activation."""

    @abstractmethod
    def _grad_x(self, index: Index) -> Derivation:
        """Explain a gradient of the input."""

    @abstractmethod
    def _grad_weight(self, index: Index) -> Derivation:
        """Explain a gradient of a weight."""

    def _grad_bias(self, index: Index) -> Derivation:
        grads = self.layer.array(self.error)
        if len(index) == grads.ndim - 1:  # a bias for every position
            places: list[Any] = [np.arange(len(grads)), *index]
        else:
            n, *inner = cross(*([np.arange(size)] for size in (len(grads), *grads.shape[2:])))
            places = [n, *index, *inner]
        return self._say("backward_bias", products(self.column(self.error, *places)))


class Convolution(Weighted):
    """conv2d, and with the roles of its maps exchanged conv_transpose2d."""

    explains = ("conv2d", "conv_transpose2d")

    def __init__(self, layer: LayerTrace) -> None:
        super().__init__(layer)
        self.transposed = layer.chapter == "conv_transpose2d"
        groups = layer.arguments["groups"]
        # channels of a group, in and out
        self.own = layer.input.shape[1] // groups, layer.y.shape[1] // groups

    @property
    def taps(self) -> Taps:
        """The layer's tables."""
        assert self.layer.taps is not None
        return self.layer.taps

    def _weights(self, o: Any, c: Any) -> tuple[Any, Any]:
        """Return the first two indices of the weights between an input and an output channel."""
        inputs, outputs = self.own
        return (c, o % outputs) if self.transposed else (o, c % inputs)

    def _sum(self, index: Index) -> Derivation:
        n, o, p, q = index
        rows, columns = self.taps.rows.outputs[p], self.taps.columns.outputs[q]
        seen = np.arange(*self.taps.channels[o])
        c, i, r, j, t = cross([seen], pairs(rows), pairs(columns))
        weights = self.column("weight", *self._weights(o, c), i, j)
        pixels = self.column("x", n, c, r, t)
        return self._say(
            "forward",
            products(weights, pixels),
            *self._bias(index),
            note=self._missed(rows, columns),
        )

    def _missed(self, rows: Any, columns: Any) -> str:
        if self.transposed:
            return ""
        KH, KW = self.layer.parameters["weight"].value.shape[2:]
        missed = KH * KW - len(rows) * len(columns)
        return f"{missed} of {KH * KW} kernel elements are on padding and add 0." if missed else ""

    def _grad_x(self, index: Index) -> Derivation:
        n, c, r, t = index
        inputs, outputs = self.own
        first = c // inputs * outputs
        rows, columns = self.taps.rows.inputs[r], self.taps.columns.inputs[t]
        o, i, p, j, q = cross([np.arange(first, first + outputs)], pairs(rows), pairs(columns))
        weights = self.column("weight", *self._weights(o, c), i, j)
        errors = self.column(self.error, n, o, p, q)
        note = "" if len(o) else "No window saw this number, so its gradient is 0."
        return self._say("backward_input", products(weights, errors), note=note)

    def _grad_weight(self, index: Index) -> Derivation:
        first, second, i, j = index
        inputs, outputs = self.own
        if self.transposed:
            c, o = first, first // inputs * outputs + second
        else:
            o, c = first, first // outputs * inputs + second
        images = np.arange(len(self.layer.y))
        rows, columns = self.taps.rows.kernel[i], self.taps.columns.kernel[j]
        n, p, r, q, t = cross([images], pairs(rows), pairs(columns))
        errors, pixels = self.column(self.error, n, o, p, q), self.column("x", n, c, r, t)
        return self._say("backward_weight", products(errors, pixels), note=_summed(images))


class Linear(Weighted):
    """Every output sees every input."""

    explains = ("linear",)

    def _sum(self, index: Index) -> Derivation:
        n, o = index
        i = np.arange(self.layer.input.shape[1])
        return self._say(
            "forward",
            products(self.column("weight", o, i), self.column("x", n, i)),
            *self._bias(index),
        )

    def _grad_x(self, index: Index) -> Derivation:
        n, i = index
        o = np.arange(self.layer.y.shape[1])
        weights, errors = self.column("weight", o, i), self.column(self.error, n, o)
        return self._say("backward_input", products(weights, errors))

    def _grad_weight(self, index: Index) -> Derivation:
        o, i = index
        n = np.arange(len(self.layer.y))
        errors, pixels = self.column(self.error, n, o), self.column("x", n, i)
        return self._say("backward_weight", products(errors, pixels), note=_summed(n))


def _summed(images: Array | Places) -> str:
    """Return a note on the sum in a parameter's gradient."""
    return f"Summed over the {len(images)} images of the batch." if len(images) > 1 else ""
