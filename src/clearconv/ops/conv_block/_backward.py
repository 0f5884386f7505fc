"""The backward pass of a block: the sums over the batch first, then the rest."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, check, expect, same_dtype
from clearconv.errors import ArgumentError
from clearconv.ops.conv_block._operands import (
    Gated,
    Normalised,
    NormGradient,
    Unpooled,
    channels_last,
    direct,
    part_of,
    pick_for,
)
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.geometry.window import Window
from clearconv.ops.reduction import rounded, shard_sums


@dataclass(frozen=True, eq=False)
class BlockSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    x : ndarray or Normalised
        Input.
    y : ndarray or Normalised
        Output.
    window : Window
        The convolution's geometry.
    groups : int
        Its groups.
    bias, relu : bool
        Whether there is a bias, and whether ReLU follows.
    ceiling : float
        Largest value that ReLU lets through.
    winner : ndarray of uint8 of the shape of y, or None
        Winner of each pooling window, see `Unpooled`; None without pooling.
    """

    x: Array | Normalised
    y: Array | Normalised
    window: Window
    groups: int
    bias: bool
    relu: bool
    ceiling: float
    winner: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class BlockGradients:
    """What `backward` returns.

    Attributes
    ----------
    x : ndarray or None
        Gradient of the input (of the array of a `Normalised`), if wanted.
    weight, bias : ndarray, or None without a bias
        Gradients of the convolution's filters and bias.
    norm_weight, norm_bias : ndarray of shape (O,), or None without batch norm
        Gradients of batch norm's scale and shift.
    """

    x: Array | None
    weight: Array
    bias: Array | None
    norm_weight: Array | None
    norm_bias: Array | None


def gradient_sums(
    grad_y: Array,
    saved: BlockSaved | Normalised,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the contributions to a batch norm's gradients over each shard of a batch.

    Parameters
    ----------
    grad_y : ndarray of the shape of y
        dL/dy (with respect to the array of a `Normalised`).
    saved : BlockSaved, or Normalised
        From `forward_saving` with a norm, or from `normalise`.
    shards : Shards
        Which shards of the batch the arrays hold.
    joined : bool
        Whether to add up the shards at hand: one result instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : float64 ndarray of shape (shards, 2, O)
        Sums of g, which is `grad_y` after ReLU's gate, and of g (z - mean), with the mean rounded
        to the dtype of z. ``reduction.tree_sum`` adds those of all shards.

    Raises
    ------
    ShapeError
        If `grad_y` is not of the shape of y, or does not fit the shards.
    ArgumentError
        If the block has no batch norm.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: \sum g, \qquad \sum g\, (z - \mu_c)

    References
    ----------
    Those of batch_norm2d.
    """
    what = "conv_block.gradient_sums"
    normal = saved if isinstance(saved, Normalised) else saved.y
    if not isinstance(normal, Normalised):
        raise ArgumentError(
            f"{what}: the block has no batch norm, so there is nothing to sum beforehand. Call "
            "backward_sums at once."
        )
    check(what, "grad_y", grad_y, 4)
    expect(what, "grad_y", grad_y, normal.shape, "the shape of y")
    same_dtype(what, grad_y=grad_y, z=normal.x)
    telling = pick_for(grad_y, backend)

    def add_up(grad_y: Array, z: Array, shards: Shards) -> Array:
        sums: Array = telling.gradient_sums(channels_last(grad_y), part_of(normal, z), shards)
        return sums

    return shard_sums(what, add_up, (grad_y, normal.x), shards, joined)


def backward(
    grad_y: Array,
    weight: Array,
    saved: BlockSaved,
    *,
    sums: Array | None = None,
    input_gradient: bool = True,
    into: Array | None = None,
    grad_weight: Array | None = None,
    backend: str | None = None,
) -> BlockGradients:
    r"""Gradient of the loss with respect to the input and every parameter.

    ReLU's gate, the pooling's winners and batch norm's formula are applied while `grad_y` is read.

    Parameters
    ----------
    grad_y : ndarray of the shape of y
        dL/dy (with respect to the array of a `Normalised`).
    weight : ndarray of shape (O, C/groups, KH, KW)
        Filters of the forward pass.
    saved : BlockSaved
        The second result of `forward_saving`.
    sums : float64 ndarray of shape (2, O), optional
        With a norm: the total of `gradient_sums`.
    input_gradient : bool
        Whether the input's gradient is wanted: a first layer does not need it.
    into : ndarray of the shape of x, optional
        Array that the input's gradient is added to, and that is returned: the sum over the two
        paths through a residual block.
    grad_weight : ndarray of the shape of `weight`, optional
        Receives the gradient of the filters.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    BlockGradients

    Raises
    ------
    ShapeError
        If `grad_y` is not of the shape of y.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    With g = `grad_y` after the gate and the winners, and M numbers in each channel:

    .. math:: dr = \frac{w_c}{\sqrt{\sigma_c^2 + \epsilon}}
        (g - \frac1M \sum g - \hat r \frac1M \sum g \hat r)

    and from dr the gradients of a convolution.

    References
    ----------
    Those of the chapters named above.
    """
    if grad_weight is not None:
        what = "conv_block.backward"
        check(what, "grad_weight", grad_weight, 4)
        expect(what, "grad_weight", grad_weight, weight.shape, "the shape of weight")
        same_dtype(what, weight=weight, grad_weight=grad_weight)
    how = input_gradient, into
    return _backward("conv_block.backward", grad_y, weight, saved, sums, *how, grad_weight, backend)


def backward_sums(
    grad_y: Array,
    weight: Array,
    saved: BlockSaved,
    *,
    shards: Shards = WHOLE,
    sums: Array | None = None,
    input_gradient: bool = True,
    into: Array | None = None,
    backend: str | None = None,
) -> BlockGradients:
    r"""Do what `backward` does for a part of a batch: the parameters' gradients are sums over it.

    Parameters
    ----------
    grad_y : ndarray of the shape of y
        dL/dy (with respect to the array of a `Normalised`).
    weight : ndarray of shape (O, C/groups, KH, KW)
        Filters of the forward pass.
    saved : BlockSaved
        The second result of `forward_saving`.
    shards : Shards
        Which shards of the batch the arrays hold.
    sums : float64 ndarray of shape (2, O)
        With a norm, the sums of the whole batch: the total of the parts' `gradient_sums`.
    input_gradient, into
        Arguments as for `backward`.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    BlockGradients
        `weight` and `bias` are those of the part, as ``conv2d.weight_sums`` and
        ``conv2d.bias_sums`` give them joined: one sum along a new first axis, empty if none of
        the shards exists. `norm_weight` and `norm_bias` are those of the whole batch.

    Raises
    ------
    ShapeError
        If `grad_y` is not of the shape of y, or does not fit the shards.
    ArgumentError
        If there is a norm, but no `sums`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_s = \sum_{n \in s} \dots

    References
    ----------
    Those of `backward`.
    """
    what = "conv_block.backward_sums"
    exist = shards.of(grad_y.shape[0], what)
    if isinstance(saved.y, Normalised) and sums is None:
        raise ArgumentError(
            f"{what}: the block has a batch norm, whose gradient needs sums over the whole batch. "
            "Give sums: the gradient_sums of all parts, added up by reduction.tree_sum."
        )
    how = input_gradient, into
    grads = _backward(what, grad_y, weight, saved, sums, *how, None, backend, shards)
    return _stacked(grads, min(1, len(exist)))


def _stacked(grads: BlockGradients, exist: int) -> BlockGradients:
    """Give the sums of the shards at hand a first axis of the number of shards that exist."""
    bias = None if grads.bias is None else grads.bias[np.newaxis][:exist]
    return replace(grads, weight=grads.weight[np.newaxis][:exist], bias=bias)


def _backward(
    what: str,
    grad_y: Array,
    weight: Array,
    saved: BlockSaved,
    sums: Array | None,
    input_gradient: bool,
    into: Array | None,
    grad_weight: Array | None,
    backend: str | None,
    shards: Shards | None = None,
) -> BlockGradients:
    """Both; with `shards` the gradients of filters and bias are sums that a tree goes on adding."""
    check(what, "grad_y", grad_y, 4)
    expect(what, "grad_y", grad_y, saved.y.shape, "the shape of y")
    same_dtype(what, grad_y=grad_y, weight=weight)
    telling = pick_for(grad_y, backend)
    norm_weight = norm_bias = None
    grad_y = channels_last(grad_y)
    grad: Any = grad_y
    if isinstance(saved.y, Normalised):
        if sums is None:
            sums = telling.gradient_sums(grad_y, saved.y)
        expect(what, "sums", sums, (2, len(weight)), "two sums for each channel")
        grad = NormGradient(grad_y, saved.y, sums)
        norm_weight, norm_bias = (rounded(part, weight.dtype) for part in grad.parameters)
    elif saved.winner is not None:
        shape = (grad_y.shape[0], len(weight), *saved.window.output)
        grad = Unpooled(grad_y, saved.winner, shape)
    elif saved.relu:
        grad = Gated(grad_y, saved.y, saved.ceiling)
    ready = None
    if input_gradient and into is not None:
        expect(what, "into", check(what, "into", into, 4), saved.x.shape, "the shape of x")
        ready = direct(into)
    grad_x, total, grad_bias = telling.backward(
        grad,
        saved.x,
        weight,
        saved.window,
        saved.groups,
        saved.bias,
        grad_weight,
        input_gradient,
        ready,
        *(() if shards is None else (shards, True)),
    )
    if input_gradient and into is not ready:
        into += grad_x
        grad_x = into
    return BlockGradients(grad_x, total, grad_bias, norm_weight, norm_bias)
