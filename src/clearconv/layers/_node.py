"""What layers and containers share: a place in a model, parameters in flat arrays, the passes."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from clearconv.errors import ArgumentError, ShapeError, TapeError
from clearconv.layers._store import Store
from clearconv.layers._tape import Context, Keep, Tape
from clearconv.ops._arrays import Array, check

if TYPE_CHECKING:
    from pathlib import Path

    from clearconv.layers.summary import Summary

Shape = tuple[int, ...]


class Node(ABC):
    """A layer or a container of layers; either can be built, run and saved as a model.

    Parameters
    ----------
    name : str, optional
        Part of the path that names its parameters; by default its kind and a number. ``""`` adds
        nothing to the path.
    **arguments
        The constructor's other arguments, as plain data: with them the node can be made again.

    Attributes
    ----------
    path : str
        Names from the model down, joined by dots; ``""`` for the model itself.
    input_shape, output_shape : tuple of int
        One image's shapes, known after ``build``.
    info : dict
        What a saved model carries besides weights: classes, preprocessing, history.
    """

    prefix = "layer"

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        if name is not None and not re.fullmatch(r"[\w-]*", name):
            raise ArgumentError(
                f"{type(self).__name__}: name={name!r}, but a name is letters, digits, '_' or '-' "
                "(dots separate the names of a path)."
            )
        self.name = name
        self.arguments = arguments
        self.path = ""
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self.info: dict[str, Any] = {}
        self.tape: Tape | None = None
        self._store: Store | None = None
        self._seed = 0
        self._training_passes = 0

    # -- what a subclass supplies ----------------------------------------------------------------

    @abstractmethod
    def _place(self, path: str, input_shape: Shape) -> Shape:
        """Take a place in the model: set path and shapes, declare parameters."""

    @abstractmethod
    def _run(self, x: Array, context: Context, tape: Tape | None) -> Array:
        """Forward, leaving what backward needs on the tape."""

    @abstractmethod
    def _run_back(self, grad_y: Array, tape: Tape, context: Context) -> Array | None:
        """Backward, filling the gradients; None where the input's gradient is not wanted."""

    @abstractmethod
    def leaves(self) -> "Iterator[Any]":
        """Yield the layers in the order they run."""

    # -- building --------------------------------------------------------------------------------

    def build(
        self, input_shape: Shape, seed: int = 0, dtype: npt.DTypeLike = "float32"
    ) -> Self:
        """Infer every shape, check that the layers fit, and initialise the parameters.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one input without the batch axis: (C, H, W), or (features,).
        seed : int
            Names the initial values: the same seed gives the same bits.
        dtype : "float32" or "float64"
            Of parameters, activations and gradients.

        Returns
        -------
        Node
            Itself, built.

        Raises
        ------
        ShapeError
            If a layer does not fit the one before it; names the layer.
        """
        shape = tuple(int(size) for size in input_shape)
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise ShapeError(
                f"build: input_shape={input_shape!r}, but the shape of one input is needed, "
                "without the batch axis: (channels, height, width), or (features,)."
            )
        self._place(self.name or "", shape)
        self._seed = seed
        self._store = Store(list(self.leaves()), seed, np.dtype(dtype))
        self.tape = None
        self._training_passes = 0
        return self

    @property
    def store(self) -> Store:
        """All parameters, gradients and buffers, flat and by path."""
        if self._store is None:
            raise ShapeError(
                f"{type(self).__name__} is not built yet. Call model.build(input_shape=(channels, "
                "height, width)) once before using it."
            )
        return self._store

    # -- the passes ------------------------------------------------------------------------------

    def forward(
        self,
        x: Array,
        training: bool = False,
        keep: Keep = None,
        context: Context | None = None,
    ) -> Array:
        """Compute the output, and keep what backward needs if asked.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape), or one input of shape `input_shape`
            In the dtype the model was built with.
        training : bool
            Use batch statistics and dropout, update running statistics; implies
            ``keep="backward"``.
        keep : {None, "backward", "all"}
            None stores nothing, and several threads may predict at once. "backward" records the
            pass so that ``backward`` can follow, in evaluation too. "all" also keeps every layer's
            input, output and, after ``backward``, incoming gradient, on ``model.tape``.
        context : Context, optional
            Names the random numbers of the pass; replaces `training`. By default every training
            pass of a model draws new ones from the seed it was built with.

        Returns
        -------
        y : ndarray of shape (N, *output_shape), or `output_shape` for one input

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit the model.
        """
        store = self.store
        check("forward", "x", x, (len(self.input_shape), len(self.input_shape) + 1))
        if x.dtype != store.dtype:
            from clearconv.errors import DtypeError

            raise DtypeError(
                f"forward: x is {x.dtype}, but the model was built in {store.dtype}. "
                f"Use x.astype('{store.dtype}'), or build(..., dtype='{x.dtype}')."
            )
        single = x.ndim == len(self.input_shape)
        batch = x[np.newaxis] if single else x
        if context is None:
            context = Context(training=training, seed=self._seed, step=self._training_passes)
            self._training_passes += training
        if context.training and keep is None:
            keep = "backward"
        tape = Tape(context, keep, single) if keep is not None else None
        y = self._run(batch, context, tape)
        if tape is not None:
            self.tape = tape
        return y[0] if single else y

    __call__ = forward

    def backward(self, grad_y: Array, input_gradient: bool = True) -> Array | None:
        """Fill every parameter's gradient from the gradient of the output.

        Gradients are overwritten, not added up: there is nothing to set to zero.

        Parameters
        ----------
        grad_y : ndarray of the shape of the last recorded forward pass's output
            dL/dy.
        input_gradient : bool
            Whether to compute dL/dx too; training does not need it, and it is not free.

        Returns
        -------
        grad_x : ndarray of the shape of x, or None if not wanted

        Raises
        ------
        TapeError
            If no forward pass was recorded.
        """
        if self.tape is None:
            raise TapeError(
                "backward: no forward pass was recorded. Call forward(x, training=True) first, or "
                "forward(x, keep='backward') to differentiate in evaluation mode."
            )
        tape = self.tape
        check("backward", "grad_y", grad_y)
        grads = grad_y[np.newaxis] if tape.single else grad_y
        if grads.shape[1:] != self.output_shape:
            raise ShapeError(
                f"backward: grad_y has shape {grad_y.shape}, but the output of one input has shape "
                f"{self.output_shape}. grad_y is dL/dy: it has the shape of y."
            )
        context = tape.context
        grad_x = self._run_back(grads, tape, _wanting(context, input_gradient))
        return grad_x[0] if tape.single and grad_x is not None else grad_x

    def predict(self, x: Array, batch_size: int = 64) -> Array:
        """Compute the output in evaluation mode, `batch_size` inputs at a time.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape)
            Any number of inputs.
        batch_size : int
            Bounds the memory; it does not change the result.

        Returns
        -------
        y : ndarray of shape (N, *output_shape)
            What the last layer gives: for the bundled models the logits, one a class.
        """
        parts = [self.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
        empty = np.empty((0, *self.output_shape), self.store.dtype)
        return np.concatenate(parts) if parts else empty

    # -- parameters by name ----------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Array]:
        """Path -> parameter: views into one flat array, live in both directions."""
        return self.store.parameters

    @property
    def gradients(self) -> dict[str, Array]:
        """Path -> gradient of the last backward pass: views into one flat array."""
        return self.store.gradients

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and running statistics, by path."""
        return self.store.state()

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Copy parameters and running statistics in.

        Raises
        ------
        ModelFileError
            If names are missing or unknown, or a shape differs; nothing is changed then.
        """
        self.store.load(state)

    # -- description -----------------------------------------------------------------------------

    def spec(self) -> dict[str, Any]:
        """Describe the architecture as plain data, from which ``from_spec`` makes it again."""
        from clearconv.layers.spec import to_spec

        return to_spec(self)

    def summary(self) -> "Summary":
        """List the layers with output shapes, parameters and multiply-adds; prints as a table."""
        from clearconv.layers.summary import Summary

        return Summary.of(self)

    def save(self, path: "str | Path") -> None:
        """Write architecture, weights and ``info`` into one safetensors file."""
        from clearconv.layers.model_file import save

        save(self, path)

    def __repr__(self) -> str:
        """Show the call that makes it."""
        shown = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{type(self).__name__}({shown})"


def _wanting(context: Context, input_gradient: bool) -> Context:
    from dataclasses import replace

    same = context.input_gradient == input_gradient
    return context if same else replace(context, input_gradient=input_gradient)
