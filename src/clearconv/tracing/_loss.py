"""The loss of a traced batch."""

from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Node
from clearconv.layers.wiring.places import Places
from clearconv.losses import CrossEntropy, SquaredError
from clearconv.ops import cross_entropy
from clearconv.tracing._data import LossTrace
from clearconv.tracing._labels import class_numbers, names_of


def judged(
    loss: CrossEntropy | SquaredError, label: Any, others: Any, y: Array, graph: Places, model: Node
) -> LossTrace:
    """Apply a loss to the output of the network, and keep its numbers.

    Parameters
    ----------
    loss : CrossEntropy or SquaredError
        As in training.
    label, others
        Labels of the first image, and of the others.
    y : ndarray
        Output of the batch.
    graph : Places
        Places whose end is the input of the loss.
    model : Node
        Model with the names of the classes.
    """
    if isinstance(loss, SquaredError):
        return _squared(loss, label, others, y, graph)
    if not isinstance(loss, CrossEntropy):
        raise ArgumentError(
            f"trace: loss={loss!r}, but only CrossEntropy and SquaredError can be traced. For "
            "another loss give the gradient of the output: grad_y=..."
        )
    if y.ndim != 2:
        raise ShapeError(
            f"trace: the output for one image has shape {y.shape[1:]}, but cross-entropy needs one "
            "number per class. Give grad_y (dL/dy), or loss=SquaredError() and a target."
        )
    names = names_of(model)
    labels = class_numbers(label, others, y, names)
    target = np.array(labels)
    value, grad = loss(y, target)
    weight = None if loss.class_weight is None else np.asarray(loss.class_weight, y.dtype)
    saved = cross_entropy.forward_saving(y, target, loss.label_smoothing, weight)[1]
    return LossTrace(
        path=_free(graph),
        type="CrossEntropy",
        chapter="cross_entropy",
        arguments={"label_smoothing": loss.label_smoothing, "class_weight": loss.class_weight},
        source=graph.end,
        logits=y,
        probabilities=saved.y,
        target=saved.share,
        labels=labels,
        given=label is not None,
        classes=names,
        divisor=saved.divisor,
        value=value,
        grad=grad,
    )


def _squared(loss: SquaredError, target: Any, others: Any, y: Array, graph: Places) -> LossTrace:
    if target is None or (others is None and len(y) > 1):
        raise ArgumentError(
            "trace: a squared error needs a target for each image, arrays of the shape of the "
            f"output, {y.shape[1:]}: label=target, batch=(images, targets)."
        )
    targets = _rows(target, y)
    if others is not None:
        targets = np.concatenate([targets, _rows(others, y)])
    value, grad = loss(y, targets)
    divisor = {"mean": float(y.size), "sum": 1.0, "half_sum": 2.0}[loss.reduction]
    return LossTrace(
        path=_free(graph),
        type="SquaredError",
        chapter="squared_error",
        arguments={"reduction": loss.reduction},
        source=graph.end,
        logits=y,
        probabilities=None,
        target=targets,
        labels=(),
        given=True,
        classes=(),
        divisor=divisor,
        value=value,
        grad=grad,
    )


def _rows(target: Any, y: Array) -> Array:
    """Return one target or several as rows like those of y."""
    rows = np.asarray(target, y.dtype)
    rows = rows[np.newaxis] if rows.ndim == y.ndim - 1 else rows
    if rows.shape[1:] != y.shape[1:]:
        raise ShapeError(
            f"trace: a target has shape {np.shape(target)}, but the output for one image "
            f"{y.shape[1:]}; they must agree."
        )
    return rows


def _free(graph: Places) -> str:
    """Return ``"loss"``, or a similar name that no layer has."""
    name, taken = "loss", {graph.input, *(place.path for place in graph.places)}
    while name in taken:
        name += "_"
    return name
