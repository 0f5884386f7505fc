r"""The fully connected layer: every output is a weighted sum of all inputs.

.. math::
    y_{n,o} = b_o + \sum_i w_{o,i}\, x_{n,i}

Each product w * x hands `grad_y` to x multiplied by w, and to w multiplied by x. As matrices:
y = x wᵀ + b, dx = dy w, dw = dyᵀ x.

Shapes: x (N, I), weight (O, I), bias (O,), y (N, O). One sample (I,) is accepted too and gives
(O,). All arrays are float32, or all are float64.

Sources: the article's general backpropagation, steps 1 to 4; Goodfellow, Bengio and Courville,
"Deep Learning", 2016, section 6.5. ``docs/linear.md`` derives the formulas.
"""

import numpy as np

from clearconv.arrays import Array, Destination, check, expect, filled, fits, same_dtype
from clearconv.errors import ShapeError
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.reduction import shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "backward_bias",
    "backward_input",
    "backward_weight",
    "bias_sums",
    "forward",
    "weight_sums",
]


def forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Weigh and sum all inputs, once for every output.

    Unlike a filter, an output sees the whole input at fixed places: it can weigh evidence, but it
    must learn every place separately.

    Parameters
    ----------
    x : ndarray of shape (N, I) or (I,)
        Input; an image is flattened first.
    weight : ndarray of shape (O, I)
        A row for every output, as in PyTorch.
    bias : ndarray of shape (O,), optional
        Added to each output.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, O), or (O,) for one sample
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the sizes do not fit; says what was received and expected.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y_{n,o} = b_o + \sum_i w_{o,i}\, x_{n,i}

    References
    ----------
    The article's net input of a neuron, with the bias.
    """
    what = "linear.forward"
    rows = _rows(what, "x", x)  # (N, I)
    _weight(what, weight)
    same_dtype(what, x=x, weight=weight, bias=bias)
    O, I = weight.shape
    if rows.shape[1] != I:
        raise ShapeError(
            f"{what}: x has {rows.shape[1]} features (shape {x.shape}), but weight {weight.shape} "
            f"expects {I}. Weights are (out, in); did the layer before this one change?"
        )
    if bias is not None:
        check(what, "bias", bias)
        expect(what, "bias", bias, (O,), "one number for each output")
    shape = (*x.shape[:-1], O)
    fits(what, "y", shape, x.itemsize)
    to = Destination(what, out, shape, x.dtype, x, weight, bias, axes=2)
    return to.result(pick("linear", backend).forward(rows, weight, bias, out=to.place))  # (N, O)


def backward_input(
    grad_y: Array, weight: Array, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the input.

    An input took part in every output; from each it collects the gradient times the weight that
    connected them. x itself is not needed: y is linear in x.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O) or (O,)
        dL/dy.
    weight : ndarray of shape (O, I)
        Weights of the forward pass, before any update.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape (N, I) or (I,)
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` does not have one number for each output.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dx_{n,i} = \sum_o w_{o,i}\, dy_{n,o}

    References
    ----------
    The article's backpropagation, step 2.
    """
    what = "linear.backward_input"
    grads = _rows(what, "grad_y", grad_y)  # (N, O)
    _weight(what, weight)
    same_dtype(what, grad_y=grad_y, weight=weight)
    O, I = weight.shape
    expect(what, "grad_y", grad_y, (*grad_y.shape[:-1], O), "one number for each row of weight")
    shape = (*grad_y.shape[:-1], I)
    fits(what, "grad_x", shape, grad_y.itemsize)
    to = Destination(what, out, shape, grad_y.dtype, grad_y, weight, axes=2)
    telling = pick("linear", backend)
    return to.result(telling.backward_input(grads, weight, out=to.place))  # (N, I)


def backward_weight(
    grad_y: Array,
    x: Array,
    *,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the weights.

    A weight met one input for every sample; its gradient is the sum over the batch of input times
    `grad_y`. It is a sum, not a mean: if a mean is wanted, it belongs in the loss.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O) or (O,)
        dL/dy.
    x : ndarray of shape (N, I) or (I,)
        Input of the forward pass.
    shards : Shards
        Which shards of a batch these samples are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_weight : ndarray of shape (O, I)
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If `grad_y` and `x` do not hold the same number of samples, or other samples than `shards`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_{o,i} = \sum_n dy_{n,o}\, x_{n,i}

    References
    ----------
    The article's backpropagation, step 3, where the factor is the output of the *previous* layer.
    """
    what = "linear.backward_weight"
    grads, rows, shape = _check_backward(what, grad_y, x)
    shards.batch(len(rows), what)
    to = Destination(what, out, shape, x.dtype, grad_y, x)
    telling = pick("linear", backend)
    return to.result(telling.backward_weight(grads, rows, shards=shards, out=to.place))  # (O, I)


def weight_sums(
    grad_y: Array,
    x: Array,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the gradient of the weights over each shard of a batch.

    ``reduction.tree_sum`` adds those of all shards, whoever holds them, with the same bits as
    `backward_weight`.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O)
        dL/dy of the samples at hand.
    x : ndarray of shape (N, I)
        Their input in the forward pass.
    shards : Shards
        Which shards of the batch the samples are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : ndarray of shape (shards, O, I)
        Empty, (0, O, I), if the batch is too small for these shards.

    Raises
    ------
    ShapeError
        If `grad_y` and `x` do not hold the same number of samples, or other samples than these
        shards.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_{s,o,i} = \sum_{n \in s} dy_{n,o}\, x_{n,i}

    References
    ----------
    See `backward_weight`.
    """
    what = "linear.weight_sums"
    grads, rows, _ = _check_backward(what, grad_y, x)
    add_up = pick("linear", backend).backward_weight
    return shard_sums(what, add_up, (grads, rows), shards, joined)


def backward_bias(
    grad_y: Array, *, shards: Shards = WHOLE, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the bias.

    The bias is added once in every sample, so it collects `grad_y` over the batch.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O) or (O,)
        dL/dy.
    shards : Shards
        Which shards of a batch these samples are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_bias : ndarray of shape (O,)
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` has neither one nor two axes, or holds other samples than `shards`.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: db_o = \sum_n dy_{n,o}

    References
    ----------
    The article's backpropagation, step 3, with 1 as the input of the bias.
    """
    what = "linear.backward_bias"
    grads = _rows(what, "grad_y", grad_y)  # (N, O)
    shards.batch(len(grads), what)
    to = Destination(what, out, grads.shape[1:], grads.dtype, grads)
    telling = pick("linear", backend)
    return to.result(telling.backward_bias(grads, shards=shards, out=to.place))  # (O,)


def bias_sums(
    grad_y: Array, *, shards: Shards = WHOLE, joined: bool = False, backend: str | None = None
) -> Array:
    r"""Sum the gradient of the bias over each shard of a batch.

    ``reduction.tree_sum`` adds those of all shards, whoever holds them, with the same bits as
    `backward_bias`.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O)
        dL/dy of the samples at hand.
    shards : Shards
        Which shards of the batch the samples are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : ndarray of shape (shards, O)
        Empty, (0, O), if the batch is too small for these shards.

    Raises
    ------
    ShapeError
        If `grad_y` has neither one nor two axes, or holds other samples than these shards.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: db_{s,o} = \sum_{n \in s} dy_{n,o}

    References
    ----------
    See `backward_bias`.
    """
    what = "linear.bias_sums"
    grads = _rows(what, "grad_y", grad_y)  # (N, O)
    return shard_sums(what, pick("linear", backend).backward_bias, (grads,), shards, joined)


def _check_backward(what: str, grad_y: Array, x: Array) -> tuple[Array, Array, tuple[int, int]]:
    """Return both as rows, (N, O) and (N, I), and the shape of the weights."""
    grads, rows = _rows(what, "grad_y", grad_y), _rows(what, "x", x)
    same_dtype(what, grad_y=grad_y, x=x)
    if grad_y.ndim != x.ndim or len(grads) != len(rows):
        raise ShapeError(
            f"{what}: grad_y has shape {grad_y.shape} and x {x.shape}, but both must hold the same "
            "samples: (N, out) and (N, in). Do both come from one forward pass?"
        )
    shape = (grads.shape[1], rows.shape[1])
    fits(what, "grad_weight", shape, x.itemsize)
    return grads, rows, shape


def _rows(what: str, name: str, array: Array) -> Array:
    """View one sample as a batch of one."""
    check(what, name, array)
    if array.ndim not in (1, 2):
        raise ShapeError(
            f"{what}: {name} has shape {array.shape}, but (N, features) or (features,) is needed. "
            f"Flatten images first: {name}.reshape(len({name}), -1), or a Flatten() layer."
        )
    filled(what, name, array.shape, array.ndim - 1)
    return array[np.newaxis] if array.ndim == 1 else array


def _weight(what: str, weight: Array) -> None:
    check(what, "weight", weight, 2)
    filled(what, "weight", weight.shape, 0)
