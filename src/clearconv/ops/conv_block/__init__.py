r"""A convolution with the steps that follow it: batch norm, addition, ReLU, pooling, as one call.

.. math::
    r = w * x + b, \qquad y = pool(f(norm(r) + s))

Each step has its own chapter, and one after another they give the same. Separately, though, every
step reads a whole array from memory and writes another, which takes longer than its arithmetic.
The compiled telling does them while the convolution's numbers are in cache: on the way out (bias,
ReLU, 2x2 max pooling; the sums that batch norm's statistics need), or, where the statistics of the
whole batch must be known first, on the way into the next convolution. That is why a block with
batch norm returns a `Normalised` in place of an array.

It is also how the article tells it: its ConvLayer takes an activator, and PaddlePaddle's
``simple_img_conv_pool`` a pooling.

Shapes: x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O,), y (N, O, OH, OW), with a pooling
(N, O, OH // 2, OW // 2). All arrays are float32, or all are float64.

A batch may be held in parts (`Shards`). A part of a block with batch norm then takes two calls each
way, between which the sums of the parts are combined: `forward_moments` before `forward_saving`,
`gradient_sums` before `backward_sums`. The bits are those of one call that holds the whole batch.

Sources: those of conv2d, batch_norm2d, activation and max_pool2d. ``docs/conv_block.md`` derives
the fused forms.
"""

import numpy as np

from clearconv.arrays import Array, Destination, as_batch, check, expect, filled, fits, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.batch_norm2d import BatchNormSaved, whole_batch
from clearconv.ops.conv2d.filters import filters_window
from clearconv.ops.conv_block._backward import (
    BlockGradients,
    BlockSaved,
    backward,
    backward_sums,
    gradient_sums,
)
from clearconv.ops.conv_block._join import empty, join
from clearconv.ops.conv_block._norm import (
    Norm,
    NormGradients,
    backward_normalise,
    check_ceiling,
    check_norm,
    normalise,
)
from clearconv.ops.conv_block._operands import Normalised, channels_last, pick_for
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.geometry.window import IntOrPair, Padding, Window

__all__ = [
    "BlockGradients",
    "BlockSaved",
    "Norm",
    "NormGradients",
    "Normalised",
    "add",
    "backward",
    "backward_normalise",
    "backward_sums",
    "empty",
    "forward",
    "forward_moments",
    "forward_saving",
    "gradient_sums",
    "join",
    "normalise",
]


def forward(
    x: Array | Normalised,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    norm: Norm | None = None,
    add: Array | None = None,
    relu: bool = False,
    ceiling: float = np.inf,
    pool: bool = False,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Convolve and carry out the steps that follow, keeping nothing for backward.

    With fixed statistics batch norm is one multiplication and one addition per channel: it folds
    into the convolution.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W), or Normalised
        Input.
    weight, bias, stride, padding, dilation, groups
        Arguments of the convolution, see ``conv2d.forward``.
    norm : Norm, optional
        Batch norm with fixed statistics.
    add : ndarray of the shape of the convolution's result, optional
        Added before the ReLU: the shortcut of a residual block.
    relu : bool
        Whether ReLU follows.
    ceiling : float
        Largest value that ReLU lets through: 6 makes it ReLU6.
    pool : bool
        Whether 2x2 max pooling follows; a last odd row or column is dropped.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, O, OH, OW), (N, O, OH // 2, OW // 2) with a pooling
        Without N for one image or map.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other, or nothing is left to pool.
    ArgumentError
        If `norm` has no statistics, or `ceiling` is not above 0.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y = f(w_c \frac{r - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + b_c + s)

    References
    ----------
    Those of the chapters named above; the folding of batch norm: Jacob et al., "Quantization and
    training of neural networks for efficient integer-arithmetic-only inference", 2018, section 3.2.
    """
    what = "conv_block.forward"
    check_ceiling(what, ceiling)
    batch = x if isinstance(x, Normalised) else as_batch(what, x)
    window = filters_window(what, batch.shape, weight, stride, padding, dilation, groups)
    shape = _check(what, x, weight, bias, window, pool)
    scale, shift = None, bias
    if norm is not None:
        check_norm(what, norm, len(weight), weight=weight)
        if norm.mean is None or norm.var is None:
            raise ArgumentError(
                f"{what}: norm has no statistics, and keeps nothing for backward. Give its mean "
                "and var (evaluation), or use forward_saving (training)."
            )
        scale64 = norm.weight / np.sqrt(norm.var.astype(np.float64) + norm.eps)
        centre = norm.mean if bias is None else norm.mean - bias
        shift = (norm.bias - centre * scale64).astype(weight.dtype)
        scale = scale64.astype(weight.dtype)
    if add is not None:
        check(what, "add", add)
        same_dtype(what, weight=weight, add=add)
        add = channels_last(as_batch(what, add, "add"))
        wanted = (batch.shape[0], len(weight), *window.output)
        expect(what, "add", add, wanted, "the shape of the convolution's result")
    telling = pick_for(batch, backend)
    most = ceiling if relu else None
    single = not isinstance(x, Normalised) and x.ndim < 4
    full = shape if single else (batch.shape[0], *shape)
    given = batch.x if isinstance(batch, Normalised) else batch
    to = Destination(what, out, full, weight.dtype, given, weight, bias, add, axes=4)
    how = add, most, pool, to.place
    y, _ = telling.forward(batch, weight, scale, shift, window, groups, *how)
    return to.result(y)


def forward_saving(
    x: Array | Normalised,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    norm: Norm | None = None,
    measured: tuple[Array, Array] | None = None,
    relu: bool = False,
    ceiling: float = np.inf,
    pool: bool = False,
    backend: str | None = None,
) -> tuple[Array | Normalised, BlockSaved]:
    r"""Convolve and carry out the steps that follow, and keep what backward needs.

    A block with batch norm keeps only the convolution's result; one with pooling keeps only the
    pooled result and one byte per value.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), or Normalised
        Input.
    weight, bias, stride, padding, dilation, groups
        Arguments of the convolution, see ``conv2d.forward``.
    norm : Norm, optional
        Batch norm, over the batch unless statistics are given; not together with `pool`.
    measured : (ndarray, ndarray), optional
        What `forward_moments` gave for a part of a batch: the convolution's result, and in place of
        the part's moments those of the whole batch, joined (3, O).
    relu, pool : bool
        Whether ReLU and 2x2 max pooling follow.
    ceiling : float
        Largest value that ReLU lets through: 6 makes it ReLU6.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray, or Normalised with `norm`
        See `forward`. ``y.array()`` computes the array of a `Normalised`; another block accepts
        the `Normalised` itself.
    saved : BlockSaved
        For `backward`, of this telling or any other.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other, nothing is left to pool, or there are too few numbers
        to normalise.
    ArgumentError
        If `norm` and `pool` are both requested, or `ceiling` is not above 0.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: r = w * x + b, \qquad y = f(norm(r)) \quad \text{or} \quad y = pool(f(r))

    References
    ----------
    Those of the chapters named above.
    """
    what = "conv_block.forward_saving"
    check_ceiling(what, ceiling)
    if not isinstance(x, Normalised):
        check(what, "x", x, 4)
        filled(what, "x", x.shape, 1)
    window = filters_window(what, x.shape, weight, stride, padding, dilation, groups)
    shape = _check(what, x, weight, bias, window, pool)
    telling = pick_for(x, backend)
    if norm is None:
        most = ceiling if relu else None
        y, winner = telling.forward(x, weight, None, bias, window, groups, None, most, pool)
        return y, BlockSaved(x, y, window, groups, bias is not None, relu, ceiling, winner)
    check_norm(what, norm, len(weight), weight=weight)
    if pool:
        raise ArgumentError(f"{what}: a block pools or normalises, not both. Pool its result.")
    numbers = None
    if norm.mean is not None and norm.var is not None:
        z, _ = telling.forward(x, weight, None, bias, window, groups, None, None, False)
        mean, var, fixed = norm.mean.astype("f8"), norm.var.astype("f8"), True
    elif measured is not None:
        z, moments = measured
        expect(what, "measured[0]", z, (x.shape[0], *shape), "the convolution's result")
        (mean, var, numbers), fixed = whole_batch(what, moments, len(weight)), False
    else:
        if x.shape[0] * shape[1] * shape[2] <= 1:
            raise ShapeError(
                f"{what}: the result has one number for each channel, and one number has no "
                "variance to normalise with. Use larger batches, or evaluation mode."
            )
        z, moments = telling.forward_moments(x, weight, bias, window, groups)
        (mean, var, _), fixed = whole_batch(what, moments, len(weight)), False
    statistics = BatchNormSaved(z, mean, var, norm.eps, fixed, numbers)
    normal = Normalised(z, norm.weight, norm.bias, statistics, relu, ceiling)
    return normal, BlockSaved(x, normal, window, groups, bias is not None, relu, ceiling, None)


def forward_moments(
    x: Array | Normalised,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    shards: Shards = WHOLE,
    backend: str | None = None,
) -> tuple[Array, Array]:
    r"""Convolve a part of a batch, and measure the result.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), or Normalised
        The images at hand.
    weight, bias, stride, padding, dilation, groups
        Arguments of the convolution, see ``conv2d.forward``.
    shards : Shards
        Which shards of the batch they are.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    z : ndarray of shape (N, O, OH, OW)
        The convolution's result.
    moments : float64 ndarray of shape (1, 3, O), or (0, 3, O) where none of the shards exists
        Moments of z, as from ``batch_norm2d.moments``. ``reduction.tree_moments`` joins those of
        all parts, for `forward_saving`.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other or the shards.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: z = w * x + b

    References
    ----------
    Those of conv2d and batch_norm2d.
    """
    what = "conv_block.forward_moments"
    if not isinstance(x, Normalised):
        check(what, "x", x, 4)
        filled(what, "x", x.shape, 1)
    window = filters_window(what, x.shape, weight, stride, padding, dilation, groups)
    _check(what, x, weight, bias, window, False)
    telling, exist = pick_for(x, backend), shards.of(x.shape[0], what)
    z, moments = telling.forward_moments(x, weight, bias, window, groups, shards)
    return z, moments[np.newaxis][: len(exist)]


def add(
    x: Array | Normalised,
    other: Array | Normalised,
    relu: bool = False,
    *,
    backend: str | None = None,
) -> Array:
    r"""Add two values, either of which may not be computed yet: the end of a residual block.

    Backward, both get `grad_y`, through ReLU's gate if there is one.

    Parameters
    ----------
    x, other : ndarray of shape (N, C, H, W) or (N, C), or Normalised
        The body's result and the shortcut's.
    relu : bool
        Whether ReLU follows.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of x

    Raises
    ------
    ShapeError
        If the shapes differ.
    DtypeError
        If the dtypes differ.

    Notes
    -----
    .. math:: y = f(x + s)

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016.
    """
    if x.shape != other.shape or x.dtype != other.dtype:
        raise ShapeError(
            f"conv_block.add: x is {x.dtype} {x.shape}, but other is {other.dtype} {other.shape}; "
            "they are added, so they must agree."
        )
    if not isinstance(x, Normalised):
        check("conv_block.add", "x", x, (2, 4))
        filled("conv_block.add", "x", x.shape, 1)
    telling = pick_for(x, backend)
    if isinstance(x, Normalised) or isinstance(other, Normalised) or x.ndim == 4:
        return telling.add(x, other, relu)
    return telling.add(x[:, :, None, None], other[:, :, None, None], relu)[:, :, 0, 0]


def _check(
    what: str,
    x: Array | Normalised,
    weight: Array,
    bias: Array | None,
    window: Window,
    pool: bool,
) -> tuple[int, int, int]:
    """Check dtypes and the bias, and return the shape of one image's result."""
    given = x.x if isinstance(x, Normalised) else x
    same_dtype(what, x=given, weight=weight, bias=bias)
    O = len(weight)
    if bias is not None:
        check(what, "bias", bias)
        expect(what, "bias", bias, (O,), "one number for each output channel")
    OH, OW = window.output
    fits(what, "y", (x.shape[0] if len(x.shape) == 4 else 1, O, OH, OW), weight.itemsize)
    if not pool:
        return O, OH, OW
    if OH < 2 or OW < 2:
        raise ShapeError(
            f"{what}: the convolution leaves {OH} x {OW}, too small for a 2x2 pooling. Use a "
            "larger image, or padding."
        )
    return O, OH // 2, OW // 2
