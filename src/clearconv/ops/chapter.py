"""How a chapter describes itself: its functions, its cases, its worked examples.

One list, `ops.CHAPTERS`, drives the agreement of the tellings, the numeric gradient checks,
``clearconv show`` and the documentation. The benchmark times the convolutions of real networks
instead: cases here are small, and chosen for their geometry.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array

Gradients = dict[str, Array]


@dataclass(frozen=True)
class Case:
    """One row of a chapter's case table.

    Attributes
    ----------
    name : str
        Short and descriptive: ``"stride 2x1, leftover row"``.
    inputs : callable
        ``inputs(rng)`` returns float64 arrays by argument name; each gets a gradient check.
    options : dict
        The other arguments of the chapter's forward function.
    """

    name: str
    inputs: Callable[[np.random.Generator], dict[str, Array]]
    options: dict[str, Any] = field(default_factory=dict)

    def arrays(self, dtype: npt.DTypeLike = np.float64) -> dict[str, Array]:
        """Return the inputs, the same at every call, in `dtype`."""
        made = self.inputs(np.random.default_rng(0))
        return {name: array.astype(dtype) for name, array in made.items()}


class Passes(Protocol):
    """Forward in one telling; returns y and a function that gives every gradient.

    The returned function takes `grad_y` and the telling of the backward pass, so that a test can
    let any telling's backward follow another's forward.
    """

    def __call__(
        self, inputs: dict[str, Array], options: dict[str, Any], backend: str | None
    ) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
        """Run the forward pass."""


@dataclass(frozen=True)
class Chapter:
    """One operation and its tellings.

    Attributes
    ----------
    name : str
        Name of its folder under ``ops/``.
    part : str
        The part of the documentation that it belongs to, such as ``"Pooling"``.
    functions : tuple of str
        Its public functions, forward first.
    run : Passes
        Forward and all gradients of one case.
    cases : tuple of Case
        The case table.
    worked : dict
        Function name -> keyword arguments of an example small enough to redo by hand.
    after : str, optional
        The chapter to read before it; None for the first of all.
    large : tuple of Case
        Cases large enough to be divided among threads; a native telling needs one.
    notes : callable, optional
        Returns further lines for ``clearconv show``, worked out on the machine at hand.
    """

    name: str
    part: str
    functions: tuple[str, ...]
    run: Passes
    cases: tuple[Case, ...]
    worked: dict[str, dict[str, Any]]
    after: str | None = None
    large: tuple[Case, ...] = ()
    notes: Callable[[], str] | None = None


def normal(*shape: int) -> Callable[[np.random.Generator], Array]:
    """Return a maker of standard normal numbers of this shape."""
    return lambda rng: rng.standard_normal(shape)


def arrays(**makers: Callable[[np.random.Generator], Array]) -> Callable[..., dict[str, Array]]:
    """Return an `inputs` function: one array per name, drawn in the order given."""
    return lambda rng: {name: make(rng) for name, make in makers.items()}


def run_by_shape(operation: ModuleType) -> Passes:
    """Return the `run` of a chapter whose backward needs only the shape of x."""

    def run(
        inputs: dict[str, Array], options: dict[str, Any], backend: str | None = None
    ) -> tuple[Array, Callable[[Array, str | None], Gradients]]:
        x = inputs["x"]
        y = operation.forward(x, **options, backend=backend)

        def backward(grad_y: Array, backend: str | None = None) -> Gradients:
            return {"x": operation.backward_input(grad_y, x.shape, **options, backend=backend)}

        return y, backward

    return run
