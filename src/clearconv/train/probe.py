"""Checks inside a model: the first value not finite, dead channels, the final activation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, finite
from clearconv.data import Batches
from clearconv.layers import (
    Activation,
    Context,
    Dropout,
    Flatten,
    Graph,
    Layer,
    Node,
    Residual,
    Sequential,
    Softmax,
)
from clearconv.ops import activation
from clearconv.runs.evaluation import Integers
from clearconv.runs.run import Run

#: Activations of layers that can have dead channels.
_CAN_DIE = ("relu", "relu6")
#: Images that go through the model at a time: every layer runs separately, which takes memory.
_AT_A_TIME = 16


@dataclass(frozen=True)
class DeadUnits:
    """Channels of a layer that were zero at every place examined.

    Attributes
    ----------
    layer : str
        Kind and path: ``ReLU 'relu1'``.
    path : str
        Path of the layer.
    dead, channels : int
        Number of channels that never fired, and in all.
    """

    layer: str
    path: str
    dead: int
    channels: int

    @property
    def share(self) -> float:
        """Return dead / channels."""
        return self.dead / self.channels


def inputs_of(run: Run, samples: Integers) -> Iterator[Array]:
    """Yield images of a run as its network sees them, (n, C, H, W), a few at a time."""
    for batch in Batches(run.source, samples, run.preprocessing, 16):
        yield run.model.as_input(batch.x)


def first_not_finite(model: Node, x: Array, context: Context) -> str | None:
    """Name the first array of a forward pass that has NaN or infinity.

    Parameters
    ----------
    model : Node
        Built; not changed.
    x : ndarray of shape (N, *input_shape)
        The batch.
    context : Context
        Context of the pass that failed.

    Returns
    -------
    str or None
        Such as ``the weight of Conv2d 'conv2'`` or ``the output of ReLU 'relu1'``, in the order of
        the forward pass; None if everything is finite.
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

    before = model.state_dict()  # a training pass changes running statistics
    try:
        with np.errstate(all="ignore"):
            model.watch(x, context, look)
    finally:
        model.load_state_dict(before)
    return found[0] if found else None


def gradient_not_finite(model: Node) -> str | None:
    """Name the first gradient in the order of the backward pass that has NaN or infinity."""
    for layer in reversed(list(model.leaves())):
        for name, grad in layer.gradients_here.items():
            if not finite(grad):
                return f"the gradient of the {name} of {layer.label}"
    return None


def dead_units(model: Node, batches: Iterable[Array]) -> list[DeadUnits]:
    """Count, layer by layer, the ReLU channels that are zero everywhere in every image.

    Such a channel no longer gets a gradient, so it stays dead.

    Parameters
    ----------
    model : Node
        Built; runs in evaluation mode.
    batches : iterable of ndarray of shape (N, *input_shape)
        The images.

    Returns
    -------
    list of DeadUnits
        One for every layer with a ReLU, in the order they run.
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
        model.watch(x, Context(), look)
    return [
        DeadUnits(layers[path].label, path, int(np.sum(~seen)), len(seen))
        for path, seen in fired.items()
    ]


def last_activation(node: Node, path: str = "") -> tuple[str, str] | None:
    """Return the activation at the end of a network.

    Dropout and layers that only pass numbers on are skipped.

    Parameters
    ----------
    node : Node
        Built or not.
    path : str
        Path of the node.

    Returns
    -------
    (str, str) or None
        Its kind and its layer, such as ``"relu", "Linear 'linear2'"``; None if the network ends in
        something else, or in the user's own activation.
    """
    if isinstance(node, Sequential):
        acting = [item for item in node.children.items() if _acts(item[1])]
        return _last_of(node, acting[-1][0], path) if acting else None
    if isinstance(node, Residual):
        return _last_of(node, node.activation, path) if node.activation else None
    if isinstance(node, Graph):
        return _last_of(node, _last_acting(node), path)
    label = f"{type(node).__name__} '{path}'" if path else type(node).__name__
    if isinstance(node, Softmax):
        return "softmax", label
    if isinstance(node, Layer) and _kind(node) in activation.KINDS and _kind(node) != "identity":
        return _kind(node), label
    return None


def _last_acting(graph: Graph) -> str:
    """Return the name of the node that gives a graph its output, before those that hand it on."""
    links = {link.writes: link for link in graph.links}
    name = graph.outputs[0]
    while not _acts(links[name].node) and links[name].reads[0] in links:
        (name,) = links[name].reads
    return name


def _last_of(node: Sequential | Residual | Graph, key: str, path: str) -> tuple[str, str] | None:
    """Look at a child that is the last one."""
    name = "" if key.startswith("#") else key
    return last_activation(node.children[key], f"{path}.{name}".strip("."))


def _acts(node: Node) -> bool:
    """Return whether a node does more in evaluation than pass its numbers on."""
    if isinstance(node, Sequential):
        return any(map(_acts, node.children.values()))
    hands_on = isinstance(node, Activation) and node.kind == "identity"
    return not (hands_on or isinstance(node, (Dropout, Flatten)))


def _kind(layer: Layer) -> str:
    """Return the activation that produces a layer's output."""
    return str(getattr(layer, "activation", "") or getattr(layer, "kind", ""))


def _chunks(batches: Iterable[Array]) -> Iterator[Array]:
    for x in batches:
        for start in range(0, len(x), _AT_A_TIME):
            yield x[start : start + _AT_A_TIME]
