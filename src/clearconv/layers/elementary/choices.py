"""Comparisons of values, and the choice between two values by a third."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers.base.multi_input import Grads
from clearconv.layers.base.tape import Context
from clearconv.layers.elementary.pairs import Pair

#: Name -> comparison.
COMPARISONS: dict[str, Callable[[Array, Array], Any]] = {
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
}


class Compare(Pair):
    """1 where a comparison of two values holds, else 0; nothing is learnt through it.

    Parameters
    ----------
    comparison : str
        "equal", "greater", "greater_equal", "less" or "less_equal".
    name : str, optional
        Its part of the path.
    """

    prefix = "compare"
    most = 2

    def __init__(self, comparison: str, *, name: str | None = None) -> None:
        if comparison not in COMPARISONS:
            raise ArgumentError(
                f"Compare: comparison={comparison!r}, but there are {', '.join(COMPARISONS)}."
            )
        super().__init__(name, comparison=comparison)
        self.comparison = COMPARISONS[comparison]

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        a, b = self._values(xs)
        y = self.comparison(a, b).astype(a.dtype)
        return y, (xs, y)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        xs, y = saved
        zero = np.zeros_like(y)
        return self._shares(tuple(zero if one else None for one in wanted), xs, context)


class Choose(Pair):
    """The second value where the first is not 0, else the third.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "choose"
    least = most = 3

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        condition, a, b = self._values(xs)
        return np.where(condition != 0, a, b), (xs, condition != 0)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        xs, chosen = saved
        grads = (
            np.zeros_like(grad_y) if wanted[0] else None,
            np.where(chosen, grad_y, 0).astype(grad_y.dtype) if wanted[1] else None,
            np.where(chosen, 0, grad_y).astype(grad_y.dtype) if wanted[2] else None,
        )
        return self._shares(grads, xs, context)
