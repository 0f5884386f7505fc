"""Larger and smaller of several values, and powers, number by number."""

from functools import reduce
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.layers.base.multi_input import Grads, MultiInput
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementwise.broadcasting import aligned, common_shape, gathered


class Pair(MultiInput):
    """What these share: operands are broadcast as in NumPy, image by image."""

    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        return common_shape(shapes)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call(f"{type(self).__name__}._forward_inputs", type(self).__name__),)

    def _values(self, xs: tuple[Array, ...]) -> tuple[Array, ...]:
        common_shape(tuple(x.shape[1:] for x in xs))
        axes = max(x.ndim for x in xs)
        return tuple(aligned(x, axes) for x in xs)

    def _shares(
        self,
        grads: tuple[Array | None, ...],
        xs: tuple[Array, ...],
        context: Context,
    ) -> Grads:
        varies = not all(self.fixed)
        return tuple(
            None
            if grad is None
            else gathered(grad, x.shape[1:], varies and self.fixed[number], context)
            for number, (grad, x) in enumerate(zip(grads, xs, strict=True))
        )


class Larger(Pair):
    """The largest of two or more values; the first of equal ones gets the gradient.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "larger"
    choose: Any = staticmethod(np.maximum)

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        y = reduce(self.choose, self._values(xs))
        return y, (xs, y)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        xs, y = saved
        free = np.ones(y.shape, bool)  # numbers whose gradient no operand has taken yet
        grads: list[Array | None] = []
        for number, x in enumerate(self._values(xs)):
            won = free & (x == y)
            free &= ~won
            grads.append(np.where(won, grad_y, 0).astype(y.dtype) if wanted[number] else None)
        return self._shares(tuple(grads), xs, context)


class Smaller(Larger):
    """The smallest of two or more values; the first of equal ones gets the gradient.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "smaller"
    choose = staticmethod(np.minimum)

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)


class Power(Pair):
    """The first value raised to the power of the second.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "power"
    most = 2

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        a, b = self._values(xs)
        y = np.power(a, b)
        return y, (xs, y)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        xs, y = saved
        a, b = self._values(xs)
        with np.errstate(divide="ignore", invalid="ignore"):
            first = grad_y * b * np.power(a, b - 1) if wanted[0] else None
            second = grad_y * y * np.log(a) if wanted[1] else None
        return self._shares((first, second), xs, context)
