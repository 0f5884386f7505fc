"""What follows the logits: probabilities, the class, and the map of what supported it."""

import numpy as np

from clearconv.exchange.onnx.operators.base.along import along_both, shares
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import (
    AdaptiveAvgPool2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    Node,
)
from clearconv.layers.wiring.places import Places
from clearconv.ops.upsample2d.grid import Grid


def write_answers(logits: str, to: Writer) -> tuple[str, str]:
    """Add probabilities (N, classes) and the most probable class (N,); return their names."""
    to.scope = "answers"
    found = to.op("Softmax", logits, axis=1), to.op("ArgMax", logits, axis=1, keepdims=0)
    to.scope = ""
    return found


def write_activation_map(
    places: Places, values: dict[str, str], index: str, input_shape: tuple[int, ...], to: Writer
) -> str | None:
    """Add the class activation map of the most probable class, where the head allows it.

    It is what ``clearconv.explain.grad_cam`` gives. Where maps are averaged and a linear layer
    follows, the gradient of a logit by each pixel of a map is the class's weight over the number of
    pixels, so that no backward pass is needed.

    Parameters
    ----------
    places : Places
        Wiring of the network.
    values : dict
        Path of each place -> name of its output.
    index : str
        Name of the classes (N,).
    input_shape : tuple of int
        Shape of one input.
    to : Writer
        Graph that receives the operators.

    Returns
    -------
    str or None
        Name of maps (N, H, W) of the input's size; None for another head.
    """
    found = _head(places)
    if found is None:
        return None
    maps, shape, linear = found
    K, h, w = shape
    to.scope = "activation_map"
    if linear is None:  # the maps are those of the classes
        chosen = to.op("OneHot", index, *_one_hot(K, to), axis=-1)
    else:
        gemm = next(each for each in to.operators if values[linear] in each.outputs)
        chosen = to.op("Gather", gemm.inputs[1], index, axis=0)  # (N, K)
    weights = to.op("Unsqueeze", chosen, to.constant([1], "axis", "int64"))  # (N, 1, K)
    flat = to.op("Reshape", values[maps], to.constant([0, K, h * w], "flat", "int64"))
    heat = to.op("MatMul", weights, flat)  # (N, 1, h*w)
    heat = to.op("Relu", to.op("Div", heat, to.constant(h * w, "pixels", "float32")))
    heat = to.op("Reshape", heat, to.constant([-1, h, w], "maps", "int64"))
    _, H, W = input_shape
    grid = Grid.of("activation_map", (h, w), (H, W), None, "bilinear", False)
    heat = along_both(heat, shares(grid, 0), shares(grid, 1), to)  # (N, H, W)
    to.scope = ""
    return heat


def _one_hot(classes: int, to: Writer) -> tuple[str, str]:
    depth = to.constant(classes, "classes", "int64")
    return depth, to.constant([0, 1], "off_on", "float32")


def _head(places: Places) -> tuple[str, tuple[int, int, int], str | None] | None:
    """Return the path and shape of the maps that are averaged, and the linear layer's path."""
    nodes = {place.path: place for place in places.places}
    linear: str | None = None
    averaged, path = False, places.end
    while path in nodes:
        place = nodes[path]
        node: Node = place.node
        shape = node.output_shape
        if averaged and len(shape) == 3:
            C, h, w = shape
            return (path, (C, h, w), linear) if h * w > 1 else None
        if type(node) is Linear and linear is None and not averaged:
            if node.activation != "identity":
                return None
            linear = path
        elif type(node) is GlobalAvgPool2d or _is_global(node):
            averaged = True
        elif type(node) not in (Dropout, Identity, Flatten):
            return None
        path = place.sources[0]
    return None


def _is_global(node: Node) -> bool:
    return type(node) is AdaptiveAvgPool2d and np.prod(node.output_shape[1:]) == 1
