"""Layers that move numbers or drop some: Flatten, dropout."""

import numpy as np

from clearconv.ops.dropout import DropoutKey
from clearconv.ops.geometry.layout import to_maps, to_rows
from clearconv.tracing._explanation import Index, Step
from clearconv.tracing._function import dotted
from clearconv.tracing._print import number
from clearconv.tracing._sums import products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer, written


class Flatten(Explainer):
    """Every number moves to another place."""

    explains = ("Flatten",)

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x."""
        return {"y": self._y, "grad_x": self._grad_x}

    def _y(self, index: Index) -> Derivation:
        inner = np.unravel_index(index[1], self.layer.input.shape[1:])
        column = self.column("x", index[0], *inner)
        return Derivation(dotted(to_rows), _FLAT, sums=(products(column),))

    def _grad_x(self, index: Index) -> Derivation:
        place = np.ravel_multi_index(index[1:], self.layer.input.shape[1:])
        column = self.column("grad_y", index[0], place)
        return Derivation(dotted(to_maps), _FLAT, sums=(products(column),))


_FLAT = r"y_{n,\,(c H + h) W + w} = x_{n,c,h,w}"


class Dropout(Explainer):
    """A mask times 1 / (1 - p) in training, nothing in evaluation."""

    explains = ("dropout",)
    saves = ("mask",)

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x; in training also of the mask."""
        found: Derivations = {
            "y": lambda index: self._masked("forward", "x", index),
            "grad_x": lambda index: self._masked("backward_input", "grad_y", index),
        }
        if "mask" in self.layer.saved:
            found["mask"] = self._mask
        return found

    def _masked(self, function: str, name: str, index: Index) -> Derivation:
        formula, reference = written(f"dropout.{function}")
        column = self.column(name, *index)
        if "mask" not in self.layer.saved:
            none = self.layer.arguments["p"] == 0
            note = "p = 0 drops nothing." if none else "Evaluation drops nothing."
            code = "ops.dropout.loops.scale"
            return Derivation(code, formula, reference, sums=(products(column),), note=note)
        p = self.layer.arguments["p"]
        scale = self.constant("1/(1-p)", 1 / (1 - p))
        kept = self.column("mask", *index)
        note = f"p = {number(p)}: this unit was {'kept' if kept.values[0] else 'dropped'}."
        sums = (products(column, kept, scale),)
        return Derivation("ops.dropout.loops.scale", formula, reference, sums=sums, note=note)

    def _mask(self, index: Index) -> Derivation:
        """The unit's own uniform number, drawn again from its key."""
        context, p = self.layer.context, self.layer.arguments["p"]
        n, *inner = index
        shape = self.layer.y.shape[1:]
        samples = context.samples if context.samples is not None else range(len(self.layer.y))
        key = DropoutKey(context.seed, self.path, context.epoch, context.step, [samples[n]])
        unit = int(np.ravel_multi_index(inner, shape))
        (generator,) = key.generators()
        drawn = float(generator.random(unit + 1, dtype=np.float32)[unit])
        formula, reference = written("dropout.mask")
        least = float(np.float32(p))
        step = Step("mask", f"1 if {number(drawn)} >= {number(p)}, else 0", float(drawn >= least))
        note = f"Drawn from the key seed {context.seed}, epoch {context.epoch}, step {context.step}"
        note += f", sample {samples[n]}: unit {unit} of this layer."
        return Derivation("ops.dropout.loops.mask", formula, reference, steps=(step,), note=note)
