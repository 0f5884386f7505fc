"""One forward and backward pass with everything kept; the model is not changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers import Context, Node
from clearconv.layers.wiring.places import wire
from clearconv.losses import CrossEntropy, SquaredError
from clearconv.optim import Optimiser
from clearconv.tracing._loss import judged
from clearconv.tracing._read import read
from clearconv.tracing._trace import Trace
from clearconv.tracing._update import next_step


def trace(
    model: Node,
    x: Array,
    label: Any = None,
    *,
    training: bool = False,
    batch: Any = None,
    loss: CrossEntropy | SquaredError | None = None,
    grad_y: Array | None = None,
    optimiser: Optimiser | None = None,
    lr: float | None = None,
    context: Context | None = None,
) -> Trace:
    """Run one image forward and backward, and keep every number.

    The passes are the library's own, layer by layer. The model is not changed: its gradients,
    running statistics and tape are restored, and no update is made.

    Parameters
    ----------
    model : Node
        A built model.
    x : ndarray of shape `input_shape`
        One input, prepared as in training, in the model's dtype; also (1, *input_shape).
    label : int or str, optional
        Class of x, by number or by name (a trained model has the names); by default the predicted
        class. For ``SquaredError`` the target, an array of the shape of y.
    training : bool
        Whether to use batch statistics and dropout, as in the next training step.
    batch : ndarray of shape (M, *input_shape), or (images, labels), optional
        Other images that follow x in the batch, and their labels. Gradients of parameters are sums
        over all N = M + 1 images, and the loss is a mean over them.
    loss : CrossEntropy or SquaredError, optional
        Loss of the output; ``CrossEntropy()`` by default.
    grad_y : ndarray of the shape of the output, optional
        Instead of a loss: dL/dy of the whole network, if it is known from elsewhere.
    optimiser : Optimiser, optional
        Optimiser of the model, with its state: the effect of its next step is also traced.
    lr : float, optional
        Learning rate of that step; the optimiser's own by default.
    context : Context, optional
        Context that determines the random numbers of the pass; replaces `training`.

    Returns
    -------
    Trace
        Trace with copies of the parameters, independent of the model.

    Raises
    ------
    ShapeError, DtypeError
        If x or the batch does not fit the model.
    ArgumentError
        If there is no such class, the output is not one number per class, the optimiser belongs to
        another model, or your own container hides its wiring.
    """
    images, labels = _images(model, x, batch)
    graph = wire("trace", model)
    if optimiser is not None and getattr(optimiser, "store", None) is not model.store:
        raise ArgumentError(
            f"trace: the optimiser ({type(optimiser).__name__}) updates the parameters of another "
            "model. Give the one made with this model."
        )
    if optimiser is None and lr is not None:
        raise ArgumentError(
            f"trace: lr={lr!r} needs an optimiser, but none was given. Add optimiser=SGD(model)."
        )
    if context is None:
        context = model.next_context(training)
    with _as_it_was(model) as buffers:
        y = model.forward(images, keep="all", context=context)
        if grad_y is None:
            judgement = judged(loss or CrossEntropy(), label, labels, y, graph, model)
            grads = judgement.grad
        else:
            _no_loss(label, labels, loss)
            judgement, grads = None, _of_batch(grad_y, y.shape)
        grad_x = model.backward(grads)
        assert grad_x is not None and model.tape is not None
        step = next_step(optimiser, lr) if optimiser is not None else None
        layers = read(model, graph, images, grads, grad_x, step, buffers)
    update = step.about if step is not None else None
    return Trace(layers, judgement, update, context, model.stages())


@contextmanager
def _as_it_was(model: Node) -> Iterator[dict[str, Array]]:
    """Restore what a recorded pass changes, whatever happens; yield the buffers before it."""
    store, tape = model.store, model.tape
    grads = store.grads.copy()
    buffers = {path: buffer.copy() for path, buffer in store.buffers.items()}
    try:
        yield buffers
    finally:
        model.tape = tape
        store.grads[...] = grads
        for path, buffer in buffers.items():
            store.buffers[path][...] = buffer


def _images(model: Node, x: Array, batch: Any) -> tuple[Array, Any]:
    """Return the whole batch, x first, and the labels of the others."""
    single = model.check_input(x)
    if not single and len(x) != 1:
        raise ShapeError(
            f"trace: x has shape {x.shape}, {len(x)} inputs, but one is traced, of shape "
            f"{model.input_shape}. Give the others as batch=(images, labels)."
        )
    first = x.copy() if not single else x[np.newaxis].copy()
    if batch is None:
        return first, None
    others, labels = batch if isinstance(batch, tuple) else (batch, None)
    if not isinstance(others, np.ndarray) or others.ndim != first.ndim:
        raise ShapeError(
            f"trace: batch is {_what(others)}, but other images are needed, an array of shape "
            f"(M, {', '.join(map(str, model.input_shape))}), or (images, labels)."
        )
    model.check_input(others)
    if others.shape[1:] != first.shape[1:]:
        raise ShapeError(
            f"trace: the images of the batch have shape {others.shape[1:]}, but x "
            f"{first.shape[1:]}. All images of a batch have the same size."
        )
    return np.concatenate([first, others]), labels


def _what(given: Any) -> str:
    shape = getattr(given, "shape", None)
    return f"of shape {shape}" if shape is not None else f"a {type(given).__name__}"


def _no_loss(*given: Any) -> None:
    if any(one is not None for one in given):
        raise ArgumentError(
            "trace: grad_y replaces the loss, so a label or a loss has no effect with it. Give "
            "one of the two."
        )


def _of_batch(grad_y: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient of one image's output as that of a batch of one."""
    return grad_y[np.newaxis] if grad_y.ndim == len(shape) - 1 and shape[0] == 1 else grad_y
