"""Sum, difference, product and quotient of two or more values, number by number."""

from functools import reduce
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.layers.base.multi_input import Grads, MultiInput
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementwise.broadcasting import aligned, common_shape, gathered


class _Arithmetic(MultiInput):
    """What the four share: operands are broadcast as in NumPy, image by image."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        return common_shape(shapes)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call(f"{type(self).__name__}._forward_inputs", type(self).__name__),)

    def _aligned(self, xs: tuple[Array, ...]) -> tuple[Array, ...]:
        common_shape(tuple(x.shape[1:] for x in xs))  # of another size than at build, perhaps
        axes = max(x.ndim for x in xs)
        return tuple(aligned(x, axes) for x in xs)

    def _gathered(
        self, grad: Array, x_shape: Shape, number: int, wanted: tuple[bool, ...], context: Context
    ) -> Array | None:
        if not wanted[number]:
            return None
        varies = not all(self.fixed)
        return gathered(grad, x_shape[1:], varies and self.fixed[number], context)


class Add(_Arithmetic):
    """The sum of two or more values.

    Values of one image may differ in shape as in NumPy: (C, 1, 1) is added to every pixel of
    (C, H, W).

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "add"

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        return reduce(np.add, self._aligned(xs)), tuple(x.shape for x in xs)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        return tuple(
            self._gathered(grad_y, shape, number, wanted, context)
            for number, shape in enumerate(saved)
        )


class Multiply(_Arithmetic):
    """The product of two or more values: a gate, (C, 1, 1) times (C, H, W), among others.

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    References
    ----------
    Hu, Shen and Sun, "Squeeze-and-excitation networks", 2018: a gate for each channel.
    """

    prefix = "multiply"

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        return reduce(np.multiply, self._aligned(xs)), xs

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        xs = self._aligned(saved)
        grads: list[Array | None] = []
        for number, x in enumerate(saved):
            if not wanted[number]:
                grads.append(None)
                continue
            others = reduce(np.multiply, (*xs[:number], *xs[number + 1 :]))
            grads.append(self._gathered(grad_y * others, x.shape, number, wanted, context))
        return tuple(grads)


class Subtract(_Arithmetic):
    """The first value minus the second.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "subtract"
    most = 2

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        a, b = self._aligned(xs)
        return a - b, tuple(x.shape for x in xs)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        first = self._gathered(grad_y, saved[0], 0, wanted, context)
        second = self._gathered(grad_y, saved[1], 1, wanted, context)
        return first, None if second is None else -second


class Divide(_Arithmetic):
    """The first value divided by the second.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    """

    prefix = "divide"
    most = 2

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        a, b = self._aligned(xs)
        y = a / b
        return y, (xs[0].shape, xs[1], y)

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        shape, b, y = saved
        share = grad_y / aligned(b, y.ndim)
        first = self._gathered(share, shape, 0, wanted, context)
        if not wanted[1]:
            return first, None
        return first, self._gathered(-share * y, b.shape, 1, wanted, context)
