"""The contents of a trace: arrays and settings, layer by layer."""

from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers import Context
from clearconv.layers.activation.kinds import deactivate
from clearconv.ops.activation import ActivationSaved
from clearconv.tracing._kinds import chapter_of
from clearconv.tracing._taps import Taps, taps_of


def numbered(quantity: str) -> int:
    """Return which of several inputs "x1", "x2", "grad_x1" mean, from 0; -1 for other names."""
    name = quantity.removeprefix("grad_")
    return int(name[1:]) - 1 if name[:1] == "x" and name[1:].isdecimal() else -1


@dataclass(frozen=True, eq=False)
class ParameterTrace:
    """A parameter of a layer, before and after.

    Attributes
    ----------
    path : str
        Path in the model, such as ``"conv1.weight"``.
    value : ndarray
        Value with which the pass computed.
    gradient : ndarray
        dL/d(value), summed over the batch; zeros for a parameter that the backward pass did not
        reach.
    updated : ndarray, optional
        Value after the optimiser's next step; None if no optimiser was given.
    memory : dict
        State of the optimiser from earlier steps: velocity, or mean and square.
    decays : bool
        Whether weight decay applies to the parameter.
    frozen : bool
        Whether the optimiser leaves it unchanged.
    """

    path: str
    value: Array
    gradient: Array
    updated: Array | None = None
    memory: dict[str, Array] = field(default_factory=dict)
    decays: bool = False
    frozen: bool = False


@dataclass(frozen=True, eq=False)
class BufferTrace:
    """Numbers of a layer that are saved with the model but not learnt by gradient.

    Attributes
    ----------
    path : str
        Path in the model, such as ``"norm1.running_mean"``.
    before, after : ndarray
        Values before the forward pass, and those it would leave; equal in evaluation.
    """

    path: str
    before: Array
    after: Array


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace:
    """One layer's forward and backward pass; also the input, and places where branches meet.

    Attributes
    ----------
    path : str
        Path of the layer in the model; ``"input"`` for the images.
    type : str
        Class of the layer, such as ``"Conv2d"``; ``"Input"`` for the images. ``"Residual"`` is the
        sum at the end of a residual block (its activation is a layer of its own), ``"Concat"`` the
        place where branches are joined.
    operation : module, optional
        Operation of the layer, a chapter of ``clearconv.ops``; None for the input, for layers that
        only move numbers (Flatten, joins), and for your own layers.
    arguments : dict
        Arguments of its constructor, including defaults.
    activation : str
        Activation inside the layer; ``"identity"`` if there is none.
    sources : tuple of str
        Paths of the layers whose y are its inputs; more than one for a join.
    consumers : tuple of str
        Paths of the layers that read its y; empty for the last.
    slots : tuple of slice
        For a Concat or Join, the channels of y of each of `sources`; empty for others.
    x : ndarray of shape (N, ...), optional
        Input: the same array as its source's y. None for the input, and for joins and layers with
        several inputs, which read the y of their sources.
    y : ndarray of shape (N, ...)
        Output.
    grad_y : ndarray of the shape of y
        dL/dy: the sum of the gradients that its consumers returned.
    grad_x : ndarray of the shape of x, optional
        dL/dx, as this layer returned it. None if x is None.
    parameters : dict
        Name -> ParameterTrace.
    buffers : dict
        Name -> BufferTrace: running statistics.
    saved : dict
        Arrays saved for backward, by name: ``argmax`` of max pooling (``i * KW + j`` of the
        winner), ``mask`` of dropout (True where kept), ``mean`` and ``var`` of normalisations.
    xs : tuple of ndarray
        For a layer with several inputs, each of them: the arrays of its sources' y. Else empty.
    grad_xs : tuple of ndarray
        dL/dx of each of these, as the layer returned them.
    own : bool
        Whether it is your own layer, whose formulas only its code knows.
    context : Context
        Context of the pass, which determines the random numbers.
    kept : object
        Saved state of its forward pass, as the layer itself reads it.
    """

    path: str
    type: str
    operation: ModuleType | None
    arguments: dict[str, Any]
    activation: str
    sources: tuple[str, ...]
    consumers: tuple[str, ...]
    slots: tuple[slice, ...]
    x: Array | None
    y: Array
    grad_y: Array
    grad_x: Array | None
    parameters: dict[str, ParameterTrace]
    buffers: dict[str, BufferTrace]
    saved: dict[str, npt.NDArray[Any]]
    own: bool
    context: Context
    kept: Any = None
    xs: tuple[Array, ...] = ()
    grad_xs: tuple[Array, ...] = ()

    def __repr__(self) -> str:
        """Return the layer's path, type and shape."""
        return f"<LayerTrace {self.path!r}: {self.type}, y {self.y.shape}>"

    @property
    def several(self) -> bool:
        """Whether it is a layer that takes several inputs, or none: a value of a ``Graph``."""
        return self.x is None and self.type not in ("Input", "Residual", "Concat")

    @property
    def chapter(self) -> str | None:
        """The name of its operation, such as ``"conv2d"``."""
        return chapter_of(self.operation)

    @property
    def bends(self) -> bool:
        """Whether there is an activation inside the layer, after its operation."""
        return self.activation != "identity" and self.chapter != "activation"

    @property
    def input(self) -> Array:
        """Return x, if the layer has one input.

        Raises
        ------
        ArgumentError
            If it has none or several.
        """
        if self.x is None:
            raise ArgumentError(f"'{self.path}' ({self.type}) does not have exactly one input.")
        return self.x

    @cached_property
    def net(self) -> Array | None:
        """The weighted sum that goes into the activation inside this layer; None if there is none.

        The article's net. It is computed at first use, by the same call as in the forward pass, and
        so to the same bits.
        """
        if not self.bends or self.operation is None:
            return None
        bias = self.parameters["bias"].value if "bias" in self.parameters else None
        weight = self.parameters["weight"].value
        return self.operation.forward(self.input, weight, bias, **self.geometry)

    @cached_property
    def grad_net(self) -> Array | None:
        """dL/d(net), the article's error term; None if there is no activation inside."""
        if not self.bends:
            return None
        return deactivate(self.activation, self.grad_y, self.kept[1])

    @cached_property
    def x_hat(self) -> Array | None:
        """The normalised x before scale and shift; None for layers without normalisation.

        Computed at first use from the saved mean and variance.
        """
        if not {"mean", "var"} <= self.saved.keys():
            return None
        x, statistics = self.input, []
        for name in ("mean", "var"):
            array = np.atleast_2d(self.saved[name])  # (1, C), or (N, groups)
            array = np.repeat(array, x.shape[1] // array.shape[1], axis=1)
            statistics.append(array.reshape(*array.shape, *(1,) * (x.ndim - 2)))
        mean, var = statistics
        return ((x - mean) / np.sqrt(var + self.arguments["eps"])).astype(x.dtype)

    @property
    def geometry(self) -> dict[str, Any]:
        """Stride, padding, dilation and groups, as the functions of the chapter take them."""
        names = ("stride", "padding", "output_padding", "dilation", "groups")
        return {name: self.arguments[name] for name in names if name in self.arguments}

    @cached_property
    def taps(self) -> Taps | None:
        """Which rows, columns and channels met; None for layers without a window."""
        if self.x is None or self.own:
            return None
        return taps_of(self.chapter, self.arguments, self.x.shape, self.y.shape)

    def array(self, quantity: str) -> Array:
        """Return the array of a quantity.

        Parameters
        ----------
        quantity : str
            As for ``Trace.explain``: ``"y"``, ``"grad_weight"``, ``"weight.update"``, ``"mean"``.

        Returns
        -------
        ndarray

        Raises
        ------
        ArgumentError
            If the layer has no array of that name.
        """
        name, _, what = quantity.partition(".")
        found: Array | None = None
        if what == "update" and name in self.parameters:
            found = self.parameters[name].updated
        elif quantity in self.buffers:
            found = self.buffers[quantity].after
        elif quantity in self.saved:
            found = self.saved[quantity]
        elif quantity.removeprefix("grad_") in self.parameters:
            found = self.parameters[quantity.removeprefix("grad_")].gradient
        elif 0 <= (number := numbered(quantity)) < len(self.xs):
            found = (self.grad_xs if quantity.startswith("grad_") else self.xs)[number]
        elif quantity in ("x", "y", "grad_x", "grad_y", "net", "grad_net", "x_hat"):
            found = getattr(self, quantity)
        if found is None:
            raise ArgumentError(f"'{self.path}' ({self.type}) has no array {quantity!r}.")
        return found

    @property
    def slope(self) -> float:
        """Slope of a leaky ReLU below zero."""
        saved = self.kept[1] if self.bends else self.kept
        return saved.slope if isinstance(saved, ActivationSaved) else 0.01


@dataclass(frozen=True, eq=False)
class LossTrace:
    """From the network's output to one number, and its gradient.

    Attributes
    ----------
    path : str
        ``"loss"``, for ``Trace.explain``.
    type : str
        ``"CrossEntropy"`` or ``"SquaredError"``.
    chapter : str
        Operation, a folder of ``clearconv.ops``.
    arguments : dict
        Settings of the loss.
    source : str
        Path of the layer whose y it takes.
    logits : ndarray of shape (N, K)
        That y.
    probabilities : ndarray of shape (N, K), optional
        The softmax of the logits; None for a squared error.
    target : ndarray of shape (N, K)
        Target output; for cross-entropy after smoothing and weighting.
    labels : tuple of int
        Class of each image; empty for a squared error.
    given : bool
        Whether the first image's label was given; if not, it is the predicted class.
    classes : tuple of str
        Names of the classes; empty if the model carries none.
    divisor : float
        Divisor of the sum over the batch.
    value : float
        The loss.
    grad : ndarray of shape (N, K)
        dL/d(logits).
    """

    path: str
    type: str
    chapter: str
    arguments: dict[str, Any]
    source: str
    logits: Array
    probabilities: Array | None
    target: Array
    labels: tuple[int, ...]
    given: bool
    classes: tuple[str, ...]
    divisor: float
    value: float
    grad: Array

    @property
    def label(self) -> int:
        """Return the class of the first image."""
        return self.labels[0]

    @property
    def predicted(self) -> int:
        """Return the most probable class of the first image."""
        return int(self.logits[0].argmax())


@dataclass(frozen=True, kw_only=True)
class UpdateSettings:
    """The numbers in the formula of any optimiser; the names are those of ``clearconv.ops.update``.

    Attributes
    ----------
    lr : float
        Learning rate of the step.
    weight_decay : float
        Weight decay.
    """

    lr: float
    weight_decay: float


@dataclass(frozen=True, kw_only=True)
class SGDSettings(UpdateSettings):
    """The numbers in the formula of SGD.

    Attributes
    ----------
    momentum : float
        Share of the velocity that is kept.
    nesterov : bool
        Whether the step looks ahead along the velocity.
    """

    momentum: float
    nesterov: bool


@dataclass(frozen=True, kw_only=True)
class AdamSettings(UpdateSettings):
    """The numbers in the formula of Adam and AdamW.

    Attributes
    ----------
    beta1, beta2 : float
        Shares of the mean and of the mean square that are kept.
    eps : float
        Added to the divisor.
    decoupled : bool
        Whether weight decay shrinks the weight itself, as in AdamW, and not the gradient.
    """

    beta1: float
    beta2: float
    eps: float
    decoupled: bool


@dataclass(frozen=True)
class UpdateTrace:
    """The step that an optimiser would take from here; it is not taken.

    Attributes
    ----------
    type : str
        ``"SGD"``, ``"Adam"``, ``"AdamW"``, or your own class.
    settings : UpdateSettings
        Learning rate, weight decay and everything else in the formula.
    step : int
        Number of the step, counted from 1.
    """

    type: str
    settings: UpdateSettings
    step: int
