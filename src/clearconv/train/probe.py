"""A look inside a model: the first place that is not finite, and channels that never fire."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.layers import Context, Layer, Node, Tape
from clearconv.ops._arrays import Array

#: What a layer that can die calls its activation.
_CAN_DIE = ("relu", "relu6")
#: Images that go through the model at a time: every layer runs by itself, which takes memory.
_AT_A_TIME = 16


@dataclass(frozen=True)
class DeadUnits:
    """Channels of a layer that were zero wherever they were looked at.

    Attributes
    ----------
    layer : str
        Kind and path: ``ReLU 'relu1'``.
    path : str
        Of the layer.
    dead, channels : int
        How many never fired, of how many.
    """

    layer: str
    path: str
    dead: int
    channels: int

    @property
    def share(self) -> float:
        """Return dead / channels."""
        return self.dead / self.channels


def finite(array: npt.NDArray[np.floating]) -> bool:
    """Tell whether every number is finite: by one sum, and one by one only where that is not."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def first_not_finite(model: Node, x: Array, context: Context) -> str | None:
    """Name the first place of a forward pass that is NaN or infinite.

    Parameters
    ----------
    model : Node
        Built; it is left as it was.
    x : ndarray of shape (N, *input_shape)
        The batch.
    context : Context
        Of the pass that went wrong.

    Returns
    -------
    str or None
        Such as ``the weight of Conv2d 'conv2'`` or ``the output of ReLU 'relu1'``, in the order of
        the forward pass; None where all is finite.
    """
    if not finite(x):
        return "the images of the batch"
    found: list[str] = []

    def look(layer: Layer, y: Array) -> None:
        if found:
            return
        values = {**layer.parameters_here, **({} if context.training else layer.buffers_here)}
        bad = [
            f"the {name} of {layer.label}" for name, value in values.items() if not finite(value)
        ]
        found.extend(bad or ([] if finite(y) else [f"the output of {layer.label}"]))

    before = model.state_dict()  # a training pass moves running statistics
    try:
        with np.errstate(all="ignore"):
            _run(model, x, context, look)
    finally:
        model.load_state_dict(before)
    return found[0] if found else None


def gradient_not_finite(model: Node) -> str | None:
    """Name the first gradient, in the order of the backward pass, that is NaN or infinite."""
    for layer in reversed(list(model.leaves())):
        for name, grad in layer.gradients_here.items():
            if not finite(grad):
                return f"the gradient of the {name} of {layer.label}"
    return None


def dead_units(model: Node, batches: Iterable[Array]) -> list[DeadUnits]:
    """Count, layer by layer, the ReLU channels that are zero everywhere in every image.

    Such a channel gets no gradient any more, so it stays as it is.

    Parameters
    ----------
    model : Node
        Built; runs in evaluation mode.
    batches : iterable of ndarray of shape (N, *input_shape)
        The images.

    Returns
    -------
    list of DeadUnits
        Of every layer with a ReLU, in the order they run.
    """
    fired: dict[str, npt.NDArray[np.bool_]] = {}
    layers: dict[str, Layer] = {}

    def look(layer: Layer, y: Array) -> None:
        if _kind(layer) in _CAN_DIE:
            seen = np.asarray((y > 0).any(axis=(0, *range(2, y.ndim))))  # (channels,)
            before = fired.get(layer.path)
            fired[layer.path] = seen if before is None else np.logical_or(seen, before)
            layers[layer.path] = layer

    for x in _chunks(batches):
        _run(model, x, Context(), look)
    return [
        DeadUnits(layers[path].label, path, int(np.sum(~seen)), len(seen))
        for path, seen in fired.items()
    ]


def _kind(layer: Layer) -> str:
    """Name the activation that makes a layer's output."""
    return str(getattr(layer, "activation", "") or getattr(layer, "kind", ""))


def _chunks(batches: Iterable[Array]) -> Iterator[Array]:
    for x in batches:
        for start in range(0, len(x), _AT_A_TIME):
            yield x[start : start + _AT_A_TIME]


def _run(model: Node, x: Array, context: Context, look: Callable[[Layer, Array], None]) -> None:
    layers = {layer.path: layer for layer in model.leaves()}
    model._run(x, context, _Looking(context, layers, look))


class _Looking(Tape):
    """Shows every layer's output as it is computed, and keeps none."""

    def __init__(
        self, context: Context, layers: dict[str, Layer], look: Callable[[Layer, Array], None]
    ) -> None:
        super().__init__(context, "all")
        self._layers, self._look = layers, look

    def record(self, path: str, x: Array, y: Array, saved: object) -> None:
        """Show one layer's output."""
        self._look(self._layers[path], y)
