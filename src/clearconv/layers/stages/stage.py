"""What a stage is: layers that run as one, and what passes between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from clearconv.arrays import Array
from clearconv.layers.base.staged import StageRow
from clearconv.layers.base.tape import Context, Tape
from clearconv.ops.conv_block import Normalised

#: What passes between the stages of one chain.
ArrayOrNormalised = Array | Normalised


class Runs(Protocol):
    """One step forward and backward: a stage, or a chain of stages."""

    def rows(self, training: bool) -> Iterable[StageRow]:
        """Yield what a forward pass runs."""

    def run(self, x: ArrayOrNormalised, context: Context, tape: Tape | None) -> ArrayOrNormalised:
        """Forward; the result may be computed later."""

    def run_back(
        self, grad_y: Array, tape: Tape, context: Context, into: Array | None = None
    ) -> Array | None:
        """Backward; the input's gradient is added to `into` if given."""


@dataclass(frozen=True)
class ResidualEnd:
    """The end of a residual block: what a chain's result is added to, and whether ReLU follows."""

    array: Array
    relu: bool


def computed(value: ArrayOrNormalised) -> Array:
    """Return the array itself."""
    return value.array() if isinstance(value, Normalised) else value
