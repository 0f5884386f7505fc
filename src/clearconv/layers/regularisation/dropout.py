"""Dropout."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import dropout


class Dropout(Layer):
    """In training, set each unit to zero with probability p; in evaluation, do nothing.

    Kept units are scaled by 1 / (1 - p), so that evaluation needs no scaling (inverted dropout).
    Every unit of every sample has its own draw at every step.

    Parameters
    ----------
    p : float
        Probability of being dropped, 0 <= p < 1.
    name : str, optional
        Its part of the path.
    """

    prefix = "dropout"
    operation = dropout

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        if not 0 <= p < 1:
            raise ArgumentError(
                f"Dropout: p={p!r}, but the probability of dropping a unit is needed, 0 <= p < 1."
            )
        super().__init__(name, p=p)
        self.p = p

    def _build(self, input_shape: Shape) -> Shape:
        return input_shape

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (self._call("forward_saving"),) if training and self.p > 0 else ()

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        if not context.training or self.p == 0:
            return x, None
        samples = context.numbers(len(x))
        key = dropout.DropoutKey(context.seed, self.path, context.epoch, context.step, samples)
        return dropout.forward_saving(x, self.p, key)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array:
        return grad_y if saved is None else dropout.backward_input(grad_y, saved)
