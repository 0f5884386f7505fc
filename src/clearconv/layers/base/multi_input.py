"""A layer with several inputs, or with none: a place of a ``Graph``."""

from abc import abstractmethod
from typing import Any, NoReturn

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.layer import Layer, at_layer
from clearconv.layers.base.tape import Context, Tape

Grads = tuple[Array | None, ...]


class MultiInput(Layer):
    """A layer with several inputs, or with none; it runs in a ``Graph``, which knows them.

    A subclass implements three methods, as for a layer with one input:

    - ``_build_inputs(shapes) -> output_shape``: check the shapes of one image, declare parameters.
    - ``_forward_inputs(xs, context) -> (y, saved)``: compute.
    - ``_backward_inputs(grad_y, saved, wanted, context) -> grads``: overwrite the gradients of
      parameters, return dL/dx of each input; None where `wanted` is False.

    Every array has the batch as its first axis. It has length 1 in an input that is the same for
    all images (``fixed``): the gradient of such an input is a sum over the batch, as
    ``clearconv.layers.elementwise.broadcasting.batch_sum`` takes it.

    Attributes
    ----------
    fixed : tuple of bool
        For each input, whether it is made of constants alone, and the same for all images.
    least, most : int
        Smallest and largest number of inputs.
    """

    least = 2
    most = 1_000
    fixed: tuple[bool, ...] = ()

    @abstractmethod
    def _build_inputs(self, shapes: tuple[Shape, ...]) -> Shape:
        """Return the output's shape, and declare parameters."""

    @abstractmethod
    def _forward_inputs(self, xs: tuple[Array, ...], context: Context) -> tuple[Array, Any]:
        """Return y and what backward needs."""

    @abstractmethod
    def _backward_inputs(
        self, grad_y: Array, saved: Any, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        """Overwrite the gradients and return dL/dx of each input."""

    @classmethod
    def of_the_library(cls) -> "type[Layer] | None":
        """Return the library's layer whose two passes this one runs; None if it has its own."""
        base = super().of_the_library()
        if base is None:
            return None
        passes = ("_forward_inputs", "_backward_inputs")
        return base if all(getattr(cls, one) is getattr(base, one) for one in passes) else None

    # -- how a graph runs it ---------------------------------------------------------------------

    def place_inputs(self, path: str, shapes: tuple[Shape, ...], fixed: tuple[bool, ...]) -> Shape:
        """Take a place in the model."""
        if not self.least <= len(shapes) <= self.most:
            wanted = str(self.least) if self.least == self.most else f"at least {self.least}"
            raise ArgumentError(
                f"{type(self).__name__} '{path}' has {len(shapes)} inputs, but {wanted} are needed."
            )
        self.shapes, self.fixed = shapes, fixed
        return Layer._place(self, path, shapes[0] if shapes else ())

    def run_inputs(self, xs: tuple[Array, ...], context: Context, tape: Tape | None) -> Array:
        """Forward."""
        try:
            y, saved = self._forward_inputs(xs, context)
        except ShapeError as error:
            raise at_layer(self.label, error) from None
        if tape is not None:
            tape.record(self.path, xs[0] if xs else y, y, saved)
        return y

    def run_back_inputs(
        self, grad_y: Array, tape: Tape, wanted: tuple[bool, ...], context: Context
    ) -> Grads:
        """Backward."""
        saved = tape.recall(self.path, grad_y)
        try:
            grads = self._backward_inputs(grad_y, saved, wanted, context)
        except ShapeError as error:
            raise at_layer(self.label, error) from None
        tape.hand_back_each(self.path, grads)
        return grads

    # -- what it has in place of a layer's own passes ----------------------------------------------

    def _place(self, path: str, input_shape: Shape) -> Shape:
        raise ArgumentError(
            f"{type(self).__name__} does not take one input, so it can only stand in a "
            "clearconv.Graph, which names its inputs."
        )

    def _build(self, input_shape: Shape) -> Shape:
        return self._build_inputs(self.shapes)

    def _forward(self, x: Array, context: Context) -> NoReturn:
        raise NotImplementedError  # _place refuses it outside a graph

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> NoReturn:
        raise NotImplementedError
