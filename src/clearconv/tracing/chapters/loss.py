"""The loss: softmax and cross-entropy, or squared differences."""

from dataclasses import replace

import numpy as np

from clearconv.arrays import Array
from clearconv.tracing._data import LossTrace
from clearconv.tracing._explanation import Index
from clearconv.tracing._print import number
from clearconv.tracing._sums import Column, Products, products
from clearconv.tracing.chapters.explainer import Derivation, Derivations, renamed, written
from clearconv.tracing.chapters.softmax import probability


class LossExplainer:
    """Explains the loss, the probabilities and the gradient of the logits."""

    def __init__(self, loss: LossTrace) -> None:
        self.loss, self.path = loss, loss.path

    def derivations(self) -> Derivations:
        """Return, by quantity, the function that explains one element."""
        if self.loss.type == "SquaredError":
            return {"value": self._squares, "grad": self._difference}
        return {
            "value": self._entropy,
            "probabilities": self._probability,
            "grad": self._grad,
        }

    def array(self, quantity: str) -> Array:
        """Return the array of a quantity."""
        if quantity == "value":
            return np.array(self.loss.value)
        return getattr(self.loss, quantity)

    def _entropy(self, index: Index) -> Derivation:
        """Sum of target times -log p, over the classes in the target."""
        loss = self.loss
        n, k = np.nonzero(loss.target)
        target = self._column("target", n, k)
        parts = self._surprise(n, k), self._constant("1/D", 1 / loss.divisor)
        note = f"D = {number(loss.divisor)}: {self._counted()}."
        return self._say("forward", (products(target, *parts),), note)

    def _surprise(self, n: Array, k: Array) -> Column:
        """-log p, from the logits: exact where p rounds to 0."""
        x = self.loss.logits.astype(np.float64)
        x = x - x.max(axis=1, keepdims=True)
        log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        return Column(self.path, "-log p", np.stack([n, k], axis=1), -log_p[n, k])

    def _probability(self, index: Index) -> Derivation:
        """Softmax of one image's logits, step by step."""
        n, k = index
        logits = [self._column("logits", n, j).factor(0) for j in range(self.loss.logits.shape[1])]
        said = probability(logits, k, "p")
        return replace(said, formula=renamed(said.formula, x="z", y="p"))

    def _grad(self, index: Index) -> Derivation:
        """Return p times the sum of the target, minus the target, over D."""
        loss, (n, k) = self.loss, index
        whole = float(loss.target[n].sum(dtype=np.float64))
        share = self._constant("1/D", 1 / loss.divisor)
        weighed = loss.arguments["class_weight"] is not None
        all_of_it = (self._constant("sum of target", whole),) if weighed else ()
        gained = products(self._column("probabilities", n, k), *all_of_it, share)
        owed = products(self._column("target", n, k), self._constant("-1/D", -1 / loss.divisor))
        note = f"D = {number(loss.divisor)}: {self._counted()}."
        return self._say("backward_input", (gained, owed), note)

    def _counted(self) -> str:
        images = len(self.loss.logits)
        if self.loss.arguments.get("class_weight") is not None:
            return "the total weight of the images of the batch"
        return "the images of the batch" if images > 1 else "one image"

    def _squares(self, index: Index) -> Derivation:
        loss = self.loss
        away = self._away(*map(np.ravel, np.indices(loss.logits.shape)))
        scale = self._constant("f", 1 / loss.divisor)
        return self._say("forward", (products(away, away, scale),), "")

    def _difference(self, index: Index) -> Derivation:
        scale = self._constant("2 f", 2 / self.loss.divisor)
        return self._say("backward_input", (products(self._away(*index), scale),), "")

    def _away(self, *index: Array | int) -> Column:
        """Output minus target."""
        places = self._column("logits", *index), self._column("target", *index)
        values = places[0].values - places[1].values
        return Column(self.path, "(y - target)", places[0].places, values)

    def _column(self, name: str, *axes: Array | int) -> Column:
        return Column.of(self.path, name, getattr(self.loss, name), *axes)

    def _constant(self, name: str, value: float) -> Column:
        return Column.constant(self.path, name, value)

    def _say(self, function: str, sums: tuple[Products, ...], note: str) -> Derivation:
        chapter = self.loss.chapter
        formula, reference = written(f"{chapter}.{function}")
        if chapter == "cross_entropy":  # its x are called logits here
            formula = renamed(formula, x="z", dx="dz")
        loops = "total" if chapter == "squared_error" and function == "forward" else function
        return Derivation(f"ops.{chapter}.loops.{loops}", formula, reference, sums=sums, note=note)
