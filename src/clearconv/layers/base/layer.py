"""The base of every layer: one operation, its parameters, its two passes."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from inspect import isabstract
from types import ModuleType
from typing import Any
from weakref import ReferenceType

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.node import Node
from clearconv.layers.base.numbers.parameter import Parameter
from clearconv.layers.base.staged import Call, StageRow
from clearconv.layers.base.tape import Context, Tape


class Layer(Node):
    """One operation of a network; subclass it to add your own.

    A subclass implements three methods and keeps no activations:

    - ``_build(input_shape) -> output_shape``: check the shape of one input, declare parameters.
    - ``_forward(x, context) -> (y, saved)``: compute; `saved` is whatever backward needs. It may
      be None where ``context.recording`` is False.
    - ``_backward(grad_y, saved, context) -> grad_x``: overwrite each gradient, return dL/dx. It
      may return None where ``context.input_gradient`` is False.

    Parameters are declared in ``_build`` by ``self._parameter(name, shape, initial, decay)``, other
    numbers to be saved (running statistics) by ``self._buffer(name, initial)``; both are read as
    ``self.value(name)``, and a gradient is written into ``self.grad(name)``.

    Parameters
    ----------
    name : str, optional
        Its part of the path.
    **arguments
        The subclass's other arguments, with which ``from_spec`` makes the layer again.

    Attributes
    ----------
    operation : module, optional
        The chapter of ``clearconv.ops`` that it runs, which also explains its numbers in a trace.
    """

    operation: ModuleType | None = None

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.declared: dict[str, Parameter] = {}
        self.declared_buffers: dict[str, Array] = {}
        self.parameters_here: dict[str, Array] = {}
        self.gradients_here: dict[str, Array] = {}
        self.buffers_here: dict[str, Array] = {}
        self.owner: ReferenceType[object] | None = None  # the model it was built in

    @abstractmethod
    def _build(self, input_shape: Shape) -> Shape:
        """Return the output's shape, and declare parameters."""

    @abstractmethod
    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        """Return y and what backward needs."""

    @abstractmethod
    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        """Overwrite the gradients and return dL/dx."""

    @classmethod
    def of_the_library(cls) -> "type[Layer] | None":
        """Return the library's layer whose two passes this one runs; None if it has its own."""
        base = next(kind for kind in cls.__mro__ if kind.__module__.startswith("clearconv."))
        assert issubclass(base, Layer)  # the loop ends at Layer itself
        same = cls._forward is base._forward and cls._backward is base._backward
        return base if same and not isabstract(base) else None

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take: 1, unless a layer says more."""
        return 1

    def multiply_adds(self) -> int:
        """Count the multiply-adds of one input's forward pass."""
        return 0

    def value(self, name: str) -> Array:
        """Return a parameter or buffer of this layer.

        Parameters
        ----------
        name : str
            Name as declared in ``_build``.

        Returns
        -------
        ndarray
            The numbers themselves, not a copy.
        """
        here = self.parameters_here
        return here[name] if name in here else self.buffers_here[name]

    def grad(self, name: str) -> Array:
        """Return the array that receives this parameter's gradient.

        Parameters
        ----------
        name : str
            Name as declared in ``_build``.

        Returns
        -------
        ndarray
            Write into it: ``self.grad("weight")[...] = ...``.
        """
        return self.gradients_here[name]

    def _parameter(
        self,
        name: str,
        shape: Shape,
        initial: Callable[[np.random.Generator], Array],
        decay: bool = True,
    ) -> None:
        """Declare a parameter: `initial` draws its first values, `decay` lets it decay."""
        self.declared[name] = Parameter(shape, initial, decay)

    def _buffer(self, name: str, initial: Array) -> None:
        """Declare numbers that are saved with the model but not learnt by gradient."""
        self.declared_buffers[name] = initial

    def _stage_rows(self, training: bool) -> Iterator[StageRow]:
        yield StageRow((self.path,), self._calls(training))

    def _calls(self, training: bool) -> tuple[Call, ...]:
        """Return what its forward pass calls when it runs alone."""
        kind = next(base for base in type(self).__mro__ if "_forward" in vars(base))
        if not kind.__module__.startswith("clearconv.layers."):
            return (Call(f"{kind.__name__}._forward", "a layer of your own"),)
        return self._operations(training)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        """Return the operations that its forward pass calls."""
        return (self._call("forward"),)

    def _call(self, function: str) -> Call:
        """Name a function of the layer's chapter."""
        assert self.operation is not None
        chapter = self.operation.__name__.rpartition(".")[2]
        return Call(f"{chapter}.{function}", type(self).__name__)

    @property
    def label(self) -> str:
        """Name the layer in a message: ``Conv2d 'conv2'``."""
        return f"{type(self).__name__} '{self.path}'" if self.path else type(self).__name__

    # -- how a layer takes part in a model -------------------------------------------------------

    def leaves(self) -> "Iterator[Layer]":
        """Yield itself."""
        yield self

    def _place(self, path: str, input_shape: Shape) -> Shape:
        self.path = path
        for old in (
            self.declared,
            self.declared_buffers,
            self.parameters_here,
            self.gradients_here,
            self.buffers_here,
        ):
            old.clear()
        self.input_shape = input_shape
        try:
            self.output_shape = self._build(input_shape)
        except ShapeError as error:
            raise at_layer(self.label, error) from None
        return self.output_shape

    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        try:
            y, saved = self._forward(x, context)
        except ShapeError as error:
            raise at_layer(self.label, error) from None
        if tape is not None:
            tape.record(self.path, x, y, saved)
        return y

    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        saved = tape.recall(self.path, grad_y)
        try:
            grad_x = self._backward(grad_y, saved, context)
        except ShapeError as error:
            raise at_layer(self.label, error) from None
        if grad_x is None and context.input_gradient:
            raise ArgumentError(
                f"{self.label}: _backward returned None, but dL/dx is needed, an array of the "
                "shape of x: the layers before it, or the caller, wait for it. Return it; None "
                "will do only where context.input_gradient is False."
            )
        tape.hand_back(self.path, grad_x)
        return grad_x

    def _needs(self, input_shape: Shape, axes: int) -> None:
        """Raise unless one input has this many axes."""
        if len(input_shape) != axes:
            wanted = "(channels, height, width)" if axes == 3 else "(features,)"
            remedy = "Put Flatten() before it." if axes == 1 else "Put it before Flatten()."
            raise ShapeError(
                f"the input of one image has shape {input_shape}, but {wanted} is needed. {remedy}"
            )

    def _fits(self, what: str, got: int, built: int, shape: Shape) -> None:
        """Raise unless the input agrees with what the layer was built for."""
        if got != built:
            raise ShapeError(
                f"the input has {got} {what} (shape {shape}), but the layer was built for {built}. "
                "Did a layer before it, or the image size, change?"
            )


def at_layer(label: str, error: ShapeError) -> ShapeError:
    """Add the name of the layer to the message."""
    text = str(error)
    return ShapeError(text if text.startswith(label) else f"{label}: {text}")
