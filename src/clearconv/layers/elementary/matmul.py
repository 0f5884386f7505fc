"""The product of two values that are matrices, or stacks of them."""

from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.base.multi_input import Grads, MultiInput
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.layers.elementwise.broadcasting import aligned, gathered


class MatMul(MultiInput):
    """Rows of the first value times columns of the second: y = a b.

    With three or more axes a value of one image is a stack of matrices; stacks are broadcast as in
    NumPy.

    Parameters
    ----------
    name : str, optional
        Its part of the path.

    Notes
    -----
    dL/da = dL/dy b^T, dL/db = a^T dL/dy.
    """

    prefix = "matmul"
    most = 2

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        a, b = shapes
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ShapeError(
                f"the inputs of one image have the shapes {a} and {b}, but two matrices are needed "
                "(or stacks of them), the first with as many columns as the second has rows."
            )
        try:
            stack = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            raise ShapeError(
                f"stacks of matrices of the shapes {a} and {b} do not agree."
            ) from None
        return (*stack, a[-2], b[-1])

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (Call("numpy.matmul", "MatMul"),)

    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        axes = max(x.ndim for x in xs)
        a, b = (aligned(x, axes) for x in xs)
        return np.matmul(a, b), xs

    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        axes = max(x.ndim for x in saved)
        a, b = (aligned(x, axes) for x in saved)
        first = np.matmul(grad_y, b.swapaxes(-1, -2)) if wanted[0] else None
        second = np.matmul(a.swapaxes(-1, -2), grad_y) if wanted[1] else None
        varies = not all(self.fixed)
        return tuple(
            None
            if grad is None
            else gathered(grad, x.shape[1:], varies and self.fixed[number], context)
            for number, (grad, x) in enumerate(zip((first, second), saved, strict=True))
        )
