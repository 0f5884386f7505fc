"""Softmax: powers over their sum; as a layer, and before the loss."""

import numpy as np

from clearconv.arrays import Array
from clearconv.tracing._explanation import Factor, Index, Step
from clearconv.tracing._print import number, signed
from clearconv.tracing.chapters.explainer import Derivation, Derivations, Explainer, written

_LISTED = 8  # numbers listed in a sum's expression


class Softmax(Explainer):
    """The layer, along the channels."""

    explains = ("softmax",)

    def derivations(self) -> Derivations:
        """Return the explainers of y and grad_x."""
        return {"y": self._y, "grad_x": self._grad_x}

    def _row(self, name: str, index: Index) -> list[Factor]:
        """The numbers of all channels at one place."""
        n, _, *inner = index
        channels = range(self.layer.y.shape[1])
        return [self.factor(name, n, k, *inner) for k in channels]

    def _y(self, index: Index) -> Derivation:
        return probability(self._row("x", index), index[1], "y")

    def _grad_x(self, index: Index) -> Derivation:
        errors, shares = self._row("grad_y", index), self._row("y", index)
        dot = sum(error.value * share.value for error, share in zip(errors, shares, strict=True))
        error, share = errors[index[1]], shares[index[1]]
        parts = [
            f"{signed(error.value)} * {signed(share.value)}"
            for error, share in zip(errors[:_LISTED], shares[:_LISTED], strict=True)
        ]
        expression = f"{signed(share.value)} * ({signed(error.value)} - {signed(dot)})"
        steps = (
            Step("sum of dy y", _sum(parts, len(errors)), dot, (*errors, *shares)),
            Step("grad_x", expression, share.value * (error.value - dot), (share, error)),
        )
        formula, reference = written("softmax.backward_input")
        return Derivation("ops.softmax.loops.backward_input", formula, reference, steps=steps)


def probability(logits: list[Factor], k: int, name: str) -> Derivation:
    """Explain the k-th probability of a row of logits.

    Parameters
    ----------
    logits : list of Factor
        Row of logits.
    k : int
        Number of the class.
    name : str
        Name of the result.
    """
    row: Array = np.array([logit.value for logit in logits])
    best, largest = int(row.argmax()), float(row.max())
    powers = np.exp(row - largest)
    power, total = float(powers[k]), float(powers.sum())
    parts = [number(float(one)) for one in powers[:_LISTED]]
    steps = (
        Step("m", f"largest of {len(row)} logits", largest, (logits[best],)),
        Step("power", f"exp({number(float(row[k]))} - {signed(largest)})", power, (logits[k],)),
        Step("sum", _sum(parts, len(row)), total, tuple(logits)),
        Step(name, f"{number(power)} / {number(total)}", power / total),
    )
    formula, reference = written("softmax.forward")
    return Derivation("ops.softmax.loops.forward", formula, reference, steps=steps)


def _sum(parts: list[str], count: int) -> str:
    return " + ".join(parts) + (" + ..." if count > len(parts) else "")
