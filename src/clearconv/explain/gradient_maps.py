"""Grad-CAM: where the evidence for a class lies, by the gradient of its logit."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Graph, Node, Sequential
from clearconv.layers.wiring.container import Container
from clearconv.layers.wiring.parts import parted_after

Targets = int | Sequence[int] | None

#: Largest number of layers in a message; of more, the closest, or the first, and the last.
_LISTED = 16


def grad_cam(model: Node, x: Array, target: Targets = None, layer: str | None = None) -> Array:
    r"""Weight the maps of an inner layer by how much each one supports a class.

    If a network looks at the object itself, the map is warm there; if it has learnt the background,
    the map is warm beside it.

    Parameters
    ----------
    model : Node
        Gives logits, one per class. Its gradients are overwritten, as by any backward pass.
    x : ndarray of shape (N, C, H, W) or (C, H, W)
        Inputs, prepared as in training.
    target : int or sequence of N ints, optional
        Class to explain, for all images or for each; by default the most probable.
    layer : str, optional
        Path of the layer or container whose maps are weighted, one of ``spatial_layers(model)``; by
        default the last of them: the richest features that still have a position.

    Returns
    -------
    heat : ndarray of shape (N, H, W) or (H, W)
        At least 0, in units of the logit; all 0 if no map supports the class.

    Raises
    ------
    ArgumentError
        If there is no such layer or class; the message lists those that exist.
    ShapeError
        If the model does not turn images into one number per class.

    Notes
    -----
    .. math:: heat = ReLU(\sum_k a_k A^k), \quad
        a_k = \frac{1}{hw} \sum_{i,j} \frac{\partial y_c}{\partial A^k_{ij}}

    A^k is the layer's k-th map, h x w, and y_c the logit of class c, before any softmax. The sum is
    enlarged to H x W by bilinear interpolation.

    References
    ----------
    Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
    localization", 2017, formulas 1 and 2.
    """
    maps, grads = map_and_gradient(model, x, target, layer)
    weights = grads.mean(axis=(2, 3))  # (N, K)
    heat = np.maximum(np.einsum("nk,nkij->nij", weights, maps), 0)  # (N, h, w)
    heat = enlarged(heat, x.shape[-2:])
    return heat[0] if x.ndim == 3 else heat


def map_and_gradient(
    model: Node, x: Array, target: Targets = None, layer: str | None = None
) -> tuple[Array, Array]:
    """Return a layer's maps and the gradient of the class's logit with respect to them.

    The pass keeps every inner array, so it runs layer by layer: no fused stage hides the maps. One
    image goes through at a time, because the arrays are large: a gigabyte for a large photograph.

    Parameters
    ----------
    model, x, target, layer
        As for `grad_cam`.

    Returns
    -------
    maps, grads : ndarray of shape (N, K, h, w)
        Both in the model's dtype.
    """
    place = spatial_layers(model)[chosen_layer(model, layer)]
    batch = x[np.newaxis] if x.ndim == len(model.input_shape) else x
    found = []
    parted = parted_after(model, place)
    below, above = parted or (None, model)
    for i in range(len(batch)):
        x = batch[i : i + 1]
        if below is not None:  # then backward can stop at the maps, and nothing below is kept
            x, below.tape = below.forward(x, keep="all"), None
        logits = above.forward(x, keep="all")
        every = np.broadcast_to(logits, (len(batch), logits.shape[1]))
        grad = np.zeros_like(logits)
        grad[0, targets(every, target)[i]] = 1
        grad_x = above.backward(grad, input_gradient=below is not None)
        tape, above.tape = above.tape, None  # the inner arrays are not needed after this
        assert tape is not None
        if below is None:
            found.append((tape.outputs[place], tape.grads[place]))
        else:
            assert grad_x is not None
            found.append((x, grad_x))
    maps, grads = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return maps, grads


def spatial_layers(model: Node) -> dict[str, str]:
    """List the layers and containers whose output has more than one pixel.

    Parameters
    ----------
    model : Node
        Built; takes images and gives one number per class.

    Returns
    -------
    dict
        Path -> path under which the tape of a pass with ``keep="all"`` has it: for a Sequential,
        the output of its last layer. In the order they run; all classes are computed from the last.

    Raises
    ------
    ShapeError
        If there are none, or the model does not give one number per class.
    """
    if len(model.output_shape) != 1:
        raise ShapeError(
            f"the model's output for one image has shape {model.output_shape}, but (classes,) is "
            "needed. Does it lack a Flatten, or was it not built?"
        )
    found: dict[str, str] = {}
    last = ""
    for node in _walk(model):
        if len(node.output_shape) == 3 and max(node.output_shape[1:]) > 1:
            found.setdefault(node.path, _end(node).path)
    for node in _passed(model):  # what every path through the model passes
        if node.path in found:
            last = node.path
    if not last:
        raise ShapeError(
            f"no layer of the model has maps (its input is {model.input_shape}), so there is no "
            "place to point at. Grad-CAM needs a layer whose output is (channels, height, width), "
            "with more than one pixel."
        )
    found[last] = found.pop(last)
    return found


def chosen_layer(model: Node, layer: str | None) -> str:
    """Return the path of a layer that has maps: the given one, else the last.

    Parameters
    ----------
    model, layer
        As for `grad_cam`.

    Returns
    -------
    str

    Raises
    ------
    ArgumentError
        If there is no such layer; the message lists those that exist.
    """
    places = list(filter(None, spatial_layers(model)))
    if layer is not None and layer not in places:
        shown = places
        if len(places) > _LISTED:
            likely = get_close_matches(layer, places) or places[: _LISTED // 2]
            shown = [*likely, "...", *places[-_LISTED // 2 :]]
        raise ArgumentError(
            f"layer {layer!r} is not in the model, or has no maps to look at; there are "
            f"{', '.join(shown)}."
        )
    return layer if layer is not None else next(reversed(spatial_layers(model)))


def targets(logits: Array, target: Targets) -> Array:
    """Return the class of each image: the given one, else the most probable.

    Parameters
    ----------
    logits : ndarray of shape (N, classes)
        Output of the model.
    target : int, sequence of N ints, or None
        As for `grad_cam`.

    Returns
    -------
    ndarray of int, shape (N,)

    Raises
    ------
    ArgumentError
        If there is no such class, or not one for each image.
    """
    if target is None:
        return logits.argmax(axis=1)
    N, K = logits.shape
    chosen = np.asarray(target)
    if chosen.ndim > 1 or chosen.size not in (1, N) or chosen.dtype.kind not in "iu":
        raise ArgumentError(
            f"target={target!r}, but one class number is needed, or one for each of {N} images."
        )
    if chosen.min() < 0 or chosen.max() >= K:
        raise ArgumentError(f"target={target!r}, but the model's classes are 0 to {K - 1}.")
    return np.broadcast_to(chosen.reshape(-1), (N,))


def enlarged(heat: Array, size: tuple[int, ...]) -> Array:
    """Resize maps (N, h, w) to (N, *size) by bilinear interpolation between pixel centres."""
    down, across = (_weights(n, m) for n, m in zip(heat.shape[1:], size, strict=True))
    return (down @ heat.astype(np.float64) @ across.T).astype(heat.dtype)  # (N, *size)


def _weights(n: int, m: int) -> Array:
    """Return the matrix (m, n) that resizes an axis; values continue beyond the outer centres."""
    place = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    low = np.minimum(place.astype(np.int64), max(n - 2, 0))
    weights = np.zeros((m, n))
    weights[np.arange(m), low] = 1 - (place - low)
    weights[np.arange(m), np.minimum(low + 1, n - 1)] += place - low
    return weights


def _walk(node: Node) -> Iterator[Node]:
    """Yield every layer and container, inner ones before the one around them."""
    if isinstance(node, Container):
        for child in node.children.values():
            yield from _walk(child)
    yield node


def _end(node: Node) -> Node:
    """Return the node that gives a chain or a graph its output."""
    while isinstance(node, (Sequential, Graph)):
        children = node.children
        node = children[node.outputs[0]] if isinstance(node, Graph) else [*children.values()][-1]
    return node


def _passed(node: Node) -> Iterator[Node]:
    """Yield what every way through a node passes, and the node."""
    for inner in node.bottlenecks() if isinstance(node, Graph) else node.in_a_row():
        if inner is not node:
            yield from _passed(inner)
    yield node
