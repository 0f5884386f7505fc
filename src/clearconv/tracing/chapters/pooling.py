"""Pooling and up-sampling: the maximum, or a share of each input."""

from functools import cached_property
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.ops.geometry.tables import AxisTaps
from clearconv.tracing._explanation import Index, Step
from clearconv.tracing._print import number
from clearconv.tracing._sums import Column, cross, pairs, products
from clearconv.tracing._taps import Taps
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer, written

_LISTED = 16  # numbers listed in a maximum's expression


class _Windowed(Explainer):
    """A layer that keeps its channels separate and looks through windows."""

    @property
    def taps(self) -> Taps:
        """The layer's tables."""
        assert self.layer.taps is not None
        return self.layer.taps

    def _say(self, function: str, **what: Any) -> Derivation:
        formula, reference = written(f"{self.layer.chapter}.{function}")
        loops = f"ops.{self.layer.chapter}.loops.{function}"
        return Derivation(loops, formula, reference, **what)


class MaxPool(_Windowed):
    """Forward the largest, backward to the place of the largest."""

    explains = ("max_pool2d",)
    saves = ("argmax",)

    def derivations(self) -> Derivations:
        """Return the explainers of y, argmax and grad_x."""
        return {"y": self._y, "grad_x": self._grad_x, "argmax": self._argmax}

    def _window(self, index: Index) -> Column:
        """The pixels under a window."""
        n, c, p, q = index
        _, r, _, t = cross(pairs(self.taps.rows.outputs[p]), pairs(self.taps.columns.outputs[q]))
        return self.column("x", n, c, r, t)

    def _winner(self, index: Index) -> tuple[int, int]:
        """Explain which kernel element won."""
        KW = len(self.taps.columns.kernel)
        i, j = divmod(int(self.layer.saved["argmax"][index]), KW)
        return i, j

    def _y(self, index: Index) -> Derivation:
        under = self._window(index)
        factors = tuple(under.factor(k) for k in range(len(under.values)))
        shown = ", ".join(number(value) for value in under.values[:_LISTED])
        more = ", ..." if len(factors) > _LISTED else ""
        largest = float(under.values.max())
        (p, q), (i, j) = index[2:], self._winner(index)
        row = dict(self.taps.rows.outputs[p])[i]
        col = dict(self.taps.columns.outputs[q])[j]
        note = f"The winner is x[{', '.join(map(str, (*index[:2], row, col)))}]"
        equal = int(np.sum(under.values == largest))
        note += f", the first of {equal} equally large numbers." if equal > 1 else "."
        step = Step("y", f"max({shown}{more})", largest, factors)
        return self._say("forward", steps=(step,), note=note)

    def _argmax(self, index: Index) -> Derivation:
        i, j = self._winner(index)
        KW = len(self.taps.columns.kernel)
        step = Step("argmax", f"{i} * {KW} + {j}", float(i * KW + j))
        note = f"Row {i}, column {j} of the window won; counted row by row."
        return self._say("forward_saving", steps=(step,), note=note)

    def _grad_x(self, index: Index) -> Derivation:
        n, c, r, t = index
        i, p, j, q = cross(pairs(self.taps.rows.inputs[r]), pairs(self.taps.columns.inputs[t]))
        won = self.layer.saved["argmax"][n, c, p, q] == i * len(self.taps.columns.kernel) + j
        note = f"It was in {_windows(len(p))}, and won in {int(won.sum()) or 'none'}."
        errors = self.column("grad_y", n, c, p[won], q[won])
        return self._say("backward_input", sums=(products(errors),), note=note)


def _windows(count: int) -> str:
    return "no window" if count == 0 else "1 window" if count == 1 else f"{count} windows"


class Resampling(_Windowed):
    """Averages and up-sampling: every output consists of shares of its pixels.

    Explains each chapter whose tables hold shares.
    """

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x."""
        return {"y": self._y, "grad_x": self._grad_x}

    def _y(self, index: Index) -> Derivation:
        n, c, p, q = index
        rows, columns = self._shares
        _, r, _, t = cross(pairs(self.taps.rows.outputs[p]), pairs(self.taps.columns.outputs[q]))
        return self._say(
            "forward",
            sums=(products(self._share(rows, p, r, columns, q, t), self.column("x", n, c, r, t)),),
        )

    def _grad_x(self, index: Index) -> Derivation:
        n, c, r, t = index
        rows, columns = self._shares
        _, p, _, q = cross(pairs(self.taps.rows.inputs[r]), pairs(self.taps.columns.inputs[t]))
        errors = self.column("grad_y", n, c, p, q)
        note = "" if len(p) else "No output used this number, so its gradient is 0."
        share = self._share(rows, p, r, columns, q, t)
        return self._say("backward_input", sums=(products(share, errors),), note=note)

    @cached_property
    def _shares(self) -> tuple[Array, Array]:
        """Share of each input in each output, along each axis: (outputs, inputs)."""
        return _table(self.taps.rows), _table(self.taps.columns)

    def _share(self, rows: Array, p: Any, r: Any, columns: Array, q: Any, t: Any) -> Column:
        return Column.constant(self.path, "share", rows[p, r] * columns[q, t])


def _table(axis: AxisTaps) -> Array:
    table = np.zeros((len(axis.outputs), len(axis.inputs)))
    assert axis.shares is not None
    for p, (met, shares) in enumerate(zip(axis.outputs, axis.shares, strict=True)):
        for (_, r), share in zip(met, shares, strict=True):
            table[p, r] = share
    return table
