"""What layers and containers share: a place in a model, flat parameter arrays, the passes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from clearconv import doors
from clearconv.arrays import Array, Shape, check
from clearconv.errors import ArgumentError, DtypeError, ShapeError, TapeError
from clearconv.layers.base.numbers.store import Store, Unmatched
from clearconv.layers.base.owner import check_free, take
from clearconv.layers.base.pixels import warn_of_pixels
from clearconv.layers.base.spec import Described, make, remake
from clearconv.layers.base.staged import Call, StageRow, Stages
from clearconv.layers.base.summary import Summary
from clearconv.layers.base.tape import Context, Keep, Looking, Tape
from clearconv.saving import model_file

_KEEPS = ("backward", "all")


class Node(Described, ABC):
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
        Names from the model down to the node, joined by dots; ``""`` for a model without a name.
    input_shape, output_shape : tuple of int
        One image's shapes, known after ``build``.
    info : dict
        What a saved model carries in addition to weights: classes, preprocessing, history. Any
        data that JSON can hold.
    tape : Tape or None
        What the last recorded forward pass left for ``backward``.
    frozen : int or str
        Argument of the last ``Sequential.freeze``; 0 where nothing is frozen.
    """

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.path = ""
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self.info: dict[str, Any] = {}
        self.tape: Tape | None = None
        self.frozen: int | str = 0
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

    def in_a_row(self) -> "Iterator[Node]":
        """Yield the nodes of a chain that run one after another; any other node yields itself."""
        yield self

    def _stage_rows(self, training: bool) -> "Iterator[StageRow]":
        """Yield what a forward pass runs: in training, or in evaluation that keeps nothing."""
        paths = tuple(leaf.path for leaf in self.leaves())
        yield StageRow(paths, (Call(f"{type(self).__name__}._run", "a container of your own"),))

    @property
    def smallest_batch(self) -> int:
        """Smallest number of images that a training pass can take, once the model is built.

        It is 2 where a batch norm sees one number for each image and channel: that number alone
        has no variance to normalise with. Everywhere else it is 1.
        """
        return max((int(leaf.smallest_batch) for leaf in self.leaves()), default=1)

    # -- building --------------------------------------------------------------------------------

    def build(self, input_shape: Shape, seed: int = 0, dtype: npt.DTypeLike = "float32") -> Self:
        """Infer every shape, check that the layers fit, and initialise the parameters.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one input without the batch axis: (C, H, W), or (features,).
        seed : int
            Seed of the initial values: the same seed gives the same bits.
        dtype : "float32" or "float64"
            Dtype of parameters, activations and gradients.

        Returns
        -------
        Node
            Itself, built.

        Raises
        ------
        ShapeError
            If a layer does not fit the one before it; names the layer.
        ArgumentError
            If a layer belongs to another model that is built.
        """
        self._lay_out(input_shape)
        self._allocate(seed, dtype)
        return self

    def _lay_out(self, input_shape: Shape) -> None:
        """Infer every shape and declare the parameters; nothing is allocated yet."""
        try:
            shape = tuple(index(size) for size in input_shape)
        except TypeError:
            shape = ()
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise ShapeError(
                f"build: input_shape={input_shape!r}, but the shape of one input is needed, "
                "without the batch axis: (channels, height, width), or (features,)."
            )
        check_free(self, self.leaves())  # before anything of the other model is touched
        self._place(self.name or "", shape)

    def _allocate(self, seed: int, dtype: npt.DTypeLike, draw: bool = True) -> None:
        """Allocate the declared parameters; with `draw`, draw their initial values."""
        self._seed = seed
        self._store = Store(list(self.leaves()), seed, np.dtype(dtype), draw)
        take(self, self.leaves())
        self.tape = None
        self._training_passes = 0

    @property
    def store(self) -> Store:
        """All parameters, gradients and buffers, flat and by path."""
        if self._store is None:
            if self.input_shape:
                raise ShapeError(
                    f"{type(self).__name__} '{self.path}' was built as a part of a model, which "
                    "holds its parameters. Use the whole model; forward(x, keep='all') records "
                    "what goes in and out of each part."
                )
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
            Input in the dtype the model was built with. A recorded pass refers to it: do not
            write into it before ``backward``.
        training : bool
            Use batch statistics and dropout, update running statistics; implies
            ``keep="backward"``.
        keep : {None, "backward", "all"}
            None stores nothing, and several threads may predict at once. "backward" records the
            pass so that ``backward`` can follow, in evaluation too. "all" also keeps every layer's
            input, output and, after ``backward``, incoming gradient, on ``model.tape``.
        context : Context, optional
            Key of the pass's random numbers; replaces `training`. By default every training
            pass of a model draws new ones from the seed it was built with.

        Returns
        -------
        y : ndarray of shape (N, *output_shape), or `output_shape` for one input
            The output; read-only if the pass is recorded, since ``backward`` may need it.

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit the model.
        ArgumentError
            If `keep` is none of the three.
        """
        single = self.check_input(x)
        if keep is not None and keep not in _KEEPS:
            raise ArgumentError(
                f"forward: keep={keep!r}, but it must be None, 'backward' or 'all'."
            )
        if context is None:
            context = self.next_context(training)
            if training:  # evaluation writes nothing: several threads may be here
                self._training_passes += 1
        if context.training and keep is None:
            keep = "backward"
        context = replace(context, recording=keep is not None)
        tape = Tape(context, keep, single) if keep is not None else None
        if tape is not None:
            self.tape = None  # the last pass makes room for this one
        y = self._run(x[np.newaxis] if single else x, context, tape)
        if tape is not None:
            tape.output_shape = y.shape
            self.tape = tape
            y = y.view()
            y.flags.writeable = False
        return y[0] if single else y

    __call__ = forward

    def as_input(self, x: Array) -> Array:
        """Convert images to the dtype that the model was built with.

        ``forward`` itself converts nothing: another dtype is an error there.

        Parameters
        ----------
        x : ndarray
            Inputs, such as ``Preprocessing`` makes them.

        Returns
        -------
        ndarray
            x itself if it has that dtype already.
        """
        return x.astype(self.store.dtype, copy=False)

    def next_context(self, training: bool) -> Context:
        """Return the key of the random numbers for the next pass without a context."""
        return Context(training=training, seed=self._seed, step=self._training_passes)

    def check_input(self, x: Array) -> bool:
        """Raise unless x is a batch or one input, as ``forward`` does.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape), or one input of shape `input_shape`
            Input in the dtype the model was built with.

        Returns
        -------
        bool
            Whether it is one input.

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit the model.
        """
        axes = len(self.input_shape)
        dtype = self.store.dtype
        check("forward", "x", x, (axes, axes + 1) if axes else None)
        if x.dtype != dtype:
            raise DtypeError(
                f"forward: x is {x.dtype}, but the model was built in {dtype}. "
                f"Use x.astype('{dtype}'), or build(..., dtype='{x.dtype}')."
            )
        return x.ndim == axes

    def watch(self, x: Array, context: Context, look: Callable[[Any, Array], None]) -> Array:
        """Run forward layer by layer and show every layer's output as it is computed; keep none.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape)
            Input in the dtype the model was built with.
        context : Context
            Context of the pass.
        look : callable
            Called with each layer and its output.

        Returns
        -------
        ndarray of shape (N, *output_shape)
            The output.
        """
        layers = {layer.path: layer for layer in self.leaves()}
        return self._run(x, context, Looking(context, lambda path, y: look(layers[path], y)))

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
        ShapeError, DtypeError
            If grad_y is not of the shape and dtype of y.
        ArgumentError
            If a layer of your own does not return dL/dx where it is needed.
        """
        if self.tape is None:
            raise TapeError(
                "backward: no forward pass was recorded. Call forward(x, training=True) first, or "
                "forward(x, keep='backward') to differentiate in evaluation mode."
            )
        tape = self.tape
        check("backward", "grad_y", grad_y)
        grads = grad_y[np.newaxis] if tape.single else grad_y
        if grads.shape != tape.output_shape:
            wanted = tape.output_shape[1:] if tape.single else tape.output_shape
            raise ShapeError(
                f"backward: grad_y has shape {grad_y.shape}, but y of the last recorded forward "
                f"pass has {wanted}. grad_y is dL/dy: it has the shape of y."
            )
        if grad_y.dtype != self.store.dtype:
            raise DtypeError(
                f"backward: grad_y is {grad_y.dtype}, but the model was built in "
                f"{self.store.dtype}. Use grad_y.astype('{self.store.dtype}')."
            )
        context = replace(tape.context, input_gradient=input_gradient)
        grad_x = self._run_back(grads, tape, context)
        if grad_x is None or not input_gradient:
            return None
        return grad_x[0] if tape.single else grad_x

    def predict(self, x: Array, batch_size: int = 64) -> Array:
        """Compute the output in evaluation mode, `batch_size` inputs at a time.

        Parameters
        ----------
        x : ndarray of shape (N, *input_shape), or one input of shape `input_shape`
            Any number of inputs, scaled as in training: ``info["preprocessing"]`` says how.
        batch_size : int
            Bounds the memory; it changes the result by no more than rounding.

        Returns
        -------
        y : ndarray of shape (N, *output_shape), or `output_shape` for one input
            Output of the last layer: for the bundled models the logits, one per class.

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit the model.
        ArgumentError
            If `batch_size` is less than 1.

        Warns
        -----
        UserWarning
            If x holds pixels as they are in a file, and the model was trained on scaled ones.
        """
        if batch_size < 1:
            raise ArgumentError(f"predict: batch_size={batch_size!r} must be at least 1.")
        single = self.check_input(x)
        warn_of_pixels(x, self.info)
        if single:
            return self.forward(x)
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

    def load_state_dict(self, state: dict[str, Array], strict: bool = True) -> Unmatched:
        """Copy parameters and running statistics in.

        Parameters
        ----------
        state : dict
            Path -> array, as from ``state_dict``, or from another library where the paths are the
            same. PyTorch's ``num_batches_tracked`` is ignored.
        strict : bool
            Whether both sides must have the same paths. If not, those that only one side has are
            left alone.

        Returns
        -------
        Unmatched
            ``missing_keys``, paths of the model that the state lacks, and ``unexpected_keys``,
            paths of the state that the model lacks; both empty with `strict`.

        Raises
        ------
        ModelFileError
            If names are missing or unknown and `strict`, or a shape differs; then nothing is
            changed.
        ArgumentError
            If it is not a dict.
        """
        return self.store.load(state, strict)

    # -- description -------------------------------------------------------------------------------

    def stages(self, training: bool = True) -> Stages:
        """Return which neighbouring layers run as one, and what runs; prints as a table.

        A convolution with the batch norm, ReLU and pooling after it is one call of ``conv_block``,
        which gives the same numbers up to rounding and takes less time. A pass with
        ``keep="all"``, from which traces are made, runs layer by layer instead.

        Parameters
        ----------
        training : bool
            Whether to show a training pass, or an evaluation pass that keeps nothing.

        Returns
        -------
        Stages
            Stages in the order they run, including layers that run alone.

        Raises
        ------
        ShapeError
            If the model is not built.
        """
        _ = self.store  # raises where the model is not built
        return Stages(training, tuple(self._stage_rows(training)))

    def summary(self, input_shape: Shape | None = None, stages: bool = False) -> Summary:
        """List the layers with output shapes, parameters and multiply-adds; prints as a table.

        Parameters
        ----------
        input_shape : tuple of int, optional
            Shape as for ``build``: the model is described as it would be built, without making
            weights. By default it is described as it was built.
        stages : bool
            Whether to include which layers run as one, see ``stages``.

        Returns
        -------
        Summary

        Raises
        ------
        ShapeError
            If the model is not built and no shape is given, or a layer does not fit; names it.
        """
        if input_shape is None:
            _ = self.store  # raises where the model is not built
        model = self if input_shape is None else self._as_if_built(input_shape)
        passes = [Stages(when, tuple(model._stage_rows(when))) for when in (True, False)]
        return Summary.of(model.input_shape, model.leaves(), tuple(passes) if stages else ())

    def _as_if_built(self, input_shape: Shape) -> "Node":
        """Return a copy that has shapes and no weights; this model is left as it is."""
        model: Node = make(self.spec())
        model._place(model.name or "", tuple(input_shape))
        return model

    def save(self, path: str | Path) -> None:
        """Write architecture, weights and ``info`` into one safetensors file.

        Parameters
        ----------
        path : str or Path
            Path of the file, usually ending in ``.safetensors``. An existing file is replaced.

        Raises
        ------
        ModelFileError
            If ``info`` or a layer's argument cannot be written as JSON, or the file cannot be
            written.
        """
        model_file.save(self._content(), path)

    def export_onnx(self, path: str | Path, **options: Any) -> None:
        """Write the model as an ONNX file, which other programs run.

        Parameters
        ----------
        path : str or Path
            Path of the file, usually ending in ``.onnx``. An existing file is replaced.
        **options
            Options of ``clearconv.export_onnx``.

        Raises
        ------
        ClearconvError
            As ``clearconv.export_onnx`` does.
        """
        doors.public("export_onnx")(self, path, **options)

    def to_bytes(self, extra: dict[str, Array] | None = None) -> bytes:
        """Return what ``save`` writes.

        Parameters
        ----------
        extra : dict, optional
            Name -> array, saved with the model, such as an optimiser's state.

        Returns
        -------
        bytes

        Raises
        ------
        ModelFileError
            If ``info`` or a layer's argument cannot be written as JSON.
        """
        return model_file.to_bytes(self._content(extra))

    def _content(self, extra: dict[str, Array] | None = None) -> model_file.Content:
        return model_file.Content(
            self.spec(),
            self.input_shape,
            str(self.store.dtype),
            self.info,
            {**self.store.parameters, **self.store.buffers},  # no copies: models can be large
            extra or {},
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copy, and pickle for other processes, by rebuilding: parameters stay views."""
        built = None
        if self._store is not None:
            dtype, state = str(self._store.dtype), self.state_dict()
            built = (self.input_shape, self._seed, dtype, state, self.frozen)
        return remake, (self.spec(), built, self.info)
