r"""Two-dimensional convolution: each output is a patch of the input times a small kernel, summed.

"Convolution" here is cross-correlation: the kernel is not turned. With zero-padded input
:math:`x^{pad}`, kernel element (i, j) and strides s, dilations d:

.. math::
    y_{n,o,p,q} = b_o + \sum_{c,i,j} w_{o,c,i,j}\; x^{pad}_{n,\,c,\,p s_h + i d_h,\,q s_w + j d_w}

Every gradient is this sum read from the other side: each product w * x of the forward pass hands
`grad_y` to x multiplied by w, and to w multiplied by x.

A bias of shape (O, OH, OW) has a number for every position instead, like PaddlePaddle's
``shared_biases=False``: :math:`b_{o,p,q}` replaces :math:`b_o`, and its gradient is a sum over
images only.

Shapes: x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O,), y (N, O, OH, OW). One image
(C, H, W) or one map (H, W) is accepted too and comes back without the missing axes: an image gives
(O, OH, OW), and so does a map. All arrays are float32, or all are float64.
With ``groups`` > 1, output channel o sees only the C/groups input channels of its own group.

Sources: the article's formulas 1 to 5 (forward), 11 and 12 (input), 14 (weight), 15 (bias);
Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.5. ``docs/conv2d.md`` derives
them.
"""

from clearconv.arrays import (
    Array,
    Destination,
    as_batch,
    batch_shape,
    check,
    expect,
    fits,
    put,
    same_dtype,
)
from clearconv.ops.conv2d.bias import bias_gradient, bias_gradient_sums
from clearconv.ops.conv2d.filters import check_bias, check_shape, filters_window, window_for
from clearconv.ops.conv2d.points import POINTS
from clearconv.ops.conv2d.routes import route
from clearconv.ops.geometry.shards import WHOLE, Shards
from clearconv.ops.geometry.window import IntOrPair, Padding, Window
from clearconv.ops.reduction import shard_sums
from clearconv.ops.tellings import pick

__all__ = [
    "backward_bias",
    "backward_input",
    "backward_weight",
    "bias_sums",
    "forward",
    "route",
    "weight_from_sum",
    "weight_sums",
]


def forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    exact: bool = False,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Slide every filter over the image and sum the products.

    One filter answers one question at every place, so a pattern is found wherever it is.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    weight : ndarray of shape (O, C/groups, KH, KW)
        Filters.
    bias : ndarray of shape (O,) or (O, OH, OW), optional
        Added to each output channel, or to each position of it.
    stride : int or (int, int)
        Step of the window along rows and columns.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image; "same" gives ceil(size / stride) outputs.
    dilation : int or (int, int)
        Distance between neighbouring kernel elements on the input; 1 leaves no holes.
    groups : int
        Number of independent groups of channels.
    exact : bool
        Only direct sums: never Winograd's algorithm, with which the native telling computes most
        3x3 kernels of stride 1. It rounds a little more, and what is not finite spreads over its
        4x4 tile. The other tellings are always exact.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, O, OH, OW), or without N for one image or map
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the channels, groups or sizes do not fit; says what was received and expected.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y_{n,o,p,q} = b_o + \sum_{c,i,j} w_{o,c,i,j}\, x^{pad}_{n,c,ps+id,qs+jd}

    Cost: N·O·OH·OW·(C/groups)·KH·KW multiply-adds.

    References
    ----------
    The article's formulas 1 to 5, with the bias they leave out.
    """
    batch = as_batch("conv2d.forward", x)
    window = filters_window(
        "conv2d.forward", batch.shape, weight, stride, padding, dilation, groups
    )
    same_dtype("conv2d.forward", x=x, weight=weight, bias=bias)
    O = weight.shape[0]
    check_bias("conv2d.forward", bias, O, window.output)
    shape = (batch.shape[0], O, *window.output)
    fits("conv2d.forward", "y", shape, x.itemsize)
    final = shape if x.ndim == 4 else shape[1:]
    to = Destination("conv2d.forward", out, final, x.dtype, x, weight, bias, axes=4)
    y = pick("conv2d", backend).forward(batch, weight, bias, window, groups, exact, to.place)
    return to.result(y)


def backward_input(
    grad_y: Array,
    weight: Array,
    x_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    exact: bool = False,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    A pixel took part in several outputs; from each it collects the gradient times the weight that
    connected them. For stride 1 that is a convolution of the padded `grad_y` (the article's
    sensitivity map) with the kernel turned by 180 degrees, rows and columns only, input and output
    channels exchanged; a stride spreads `grad_y` first. No telling multiplies by the spread-in
    zeros.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW) or (O, OH, OW)
        dL/dy.
    weight : ndarray of shape (O, C/groups, KH, KW)
        Filters of the forward pass.
    x_shape : tuple of int
        Shape of the forward pass's input: stride and leftover rows hide it from `grad_y`.
    stride, padding, dilation, groups, exact
        As in the forward pass.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape `x_shape`
        Pixels that no window touched get exactly zero.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives for `x_shape`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dx_{n,c,r,t} = \sum_{o,i,j} w_{o,c,i,j}\; dy_{n,o,p,q},
        \qquad p s_h + i d_h - top = r,\quad q s_w + j d_w - left = t

    References
    ----------
    The article's formulas 11 and 12; in the text after 11 and in 12 the index must be
    :math:`\delta_{i-m+1,\,j-n+1}`.
    """
    full = batch_shape("conv2d.backward_input", x_shape)
    window = filters_window(
        "conv2d.backward_input", full, weight, stride, padding, dilation, groups
    )
    same_dtype("conv2d.backward_input", grad_y=grad_y, weight=weight)
    batch = _grad_y("conv2d.backward_input", grad_y, full[0], weight.shape[0], window)
    what, telling = "conv2d.backward_input", pick("conv2d", backend)
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, weight, axes=4)
    return to.result(telling.backward_input(batch, weight, window, groups, exact, to.place))


def backward_weight(
    grad_y: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    exact: bool = False,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the filters.

    A weight met one input pixel for every output position; its gradient is the sum, over images
    and positions, of pixel times `grad_y`. It is a sum over the batch, not a mean: if a mean is
    wanted, it belongs in the loss.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW) or (O, OH, OW)
        dL/dy.
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input of the forward pass.
    weight_shape : tuple of int
        (O, C/groups, KH, KW).
    stride, padding, dilation, groups, exact
        As in the forward pass.
    shards : Shards
        Which shards of a batch these images are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_weight : ndarray of shape `weight_shape`
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives, or holds other images than `shards`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_{o,c,i,j} = \sum_{n,p,q} dy_{n,o,p,q}\;
        x^{pad}_{n,\,c,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    The article's formula 14 (with the input, not the output, as the second factor).
    """
    what, telling = "conv2d.backward_weight", pick("conv2d", backend)
    grads, batch, window = _check_weight(
        what, grad_y, x, weight_shape, stride, padding, dilation, groups
    )
    shards.batch(len(batch), what)
    to = Destination(what, out, tuple(weight_shape), x.dtype, grad_y, x)
    return to.result(
        telling.backward_weight(grads, batch, window, groups, exact, shards=shards, out=to.place)
    )


def weight_sums(
    grad_y: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    exact: bool = False,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the contributions to the gradient of the filters over each shard of a batch.

    ``reduction.tree_sum`` adds the sums of all shards, whoever holds them, and `weight_from_sum`
    makes the gradient from the total, with the same bits as `backward_weight`.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW)
        dL/dy of the images at hand.
    x : ndarray of shape (N, C, H, W)
        Their input in the forward pass.
    weight_shape : tuple of int
        (O, C/groups, KH, KW).
    stride, padding, dilation, groups, exact
        As in the forward pass.
    shards : Shards
        Which shards of the batch these images are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : ndarray of shape (shards, *weight_shape) or (shards, 36, C, O)
        The second shape where the native telling uses Winograd's algorithm, which adds before it
        transforms back. Empty, (0, ...), if the batch is too small for these shards.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives, or holds other images than `shards`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dw_{s,o,c,i,j} = \sum_{n \in s,p,q} dy_{n,o,p,q}\;
        x^{pad}_{n,\,c,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    See `backward_weight`.
    """
    what, telling = "conv2d.weight_sums", pick("conv2d", backend)
    grads, batch, window = _check_weight(
        what, grad_y, x, weight_shape, stride, padding, dilation, groups
    )
    return shard_sums(
        what, telling.weight_sum, (grads, batch), shards, joined, window, groups, exact
    )


def weight_from_sum(
    sum: Array,
    weight_shape: tuple[int, ...],
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Make the gradient of the filters from its sum over all shards.

    Most sums are the gradient already. Those of Winograd's algorithm are at its 36 points.

    Parameters
    ----------
    sum : ndarray of shape `weight_shape` or (36, C, O)
        Total of the sums that `weight_sums` returned.
    weight_shape : tuple of int
        (O, C/groups, KH, KW).
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_weight : ndarray of shape `weight_shape`
        Same dtype as `sum`.

    Raises
    ------
    ShapeError
        If it is not a sum for filters of this shape.
    DtypeError
        If it is neither float32 nor float64.

    Notes
    -----
    .. math:: dw = G^T m\, G

    References
    ----------
    Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015.
    """
    what, shape = "conv2d.weight_from_sum", tuple(weight_shape)
    check(what, "sum", sum, (3, 4))
    to = Destination(what, out, shape, sum.dtype, sum)
    if sum.ndim == 4:
        expect(what, "sum", sum, shape, "the shape of the filters")
        return to.result(put(sum, to.place))
    expect(what, "sum", sum, (POINTS, *shape[1::-1]), "36 points of filters of this shape")
    return to.result(pick("conv2d", backend).weight_from_sum(sum, out=to.place))


def backward_bias(
    grad_y: Array,
    shared: bool = True,
    *,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the bias.

    The bias is added at every position of every image, so it collects its whole channel of
    `grad_y`; a separate bias for every position collects only over the images.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW) or (O, OH, OW)
        dL/dy.
    shared : bool
        Whether the bias has one number for each channel; False for one of shape (O, OH, OW).
    shards : Shards
        Which shards of a batch these images are; by default the whole batch.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_bias : ndarray of shape (O,) or (O, OH, OW)
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` has neither three nor four axes, or holds other images than `shards`.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: db_o = \sum_{n,p,q} dy_{n,o,p,q} \qquad\text{or}\qquad
        db_{o,p,q} = \sum_n dy_{n,o,p,q}

    References
    ----------
    The article's formula 15 (which lists four of the nine terms).
    """
    return bias_gradient("conv2d", grad_y, shared, shards, out, backend)


def bias_sums(
    grad_y: Array,
    shared: bool = True,
    *,
    shards: Shards = WHOLE,
    joined: bool = False,
    backend: str | None = None,
) -> Array:
    r"""Sum the gradient of the bias over each shard of a batch.

    ``reduction.tree_sum`` adds those of all shards, whoever holds them, with the same bits as
    `backward_bias`.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW)
        dL/dy of the images at hand.
    shared : bool
        Whether the bias has one number for each channel; False for one of shape (O, OH, OW).
    shards : Shards
        Which shards of the batch these images are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : ndarray of shape (shards, O) or (shards, O, OH, OW)
        Empty, (0, ...), if the batch is too small for these shards.

    Raises
    ------
    ShapeError
        If `grad_y` has neither three nor four axes, or holds other images than `shards`.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: db_{s,o} = \sum_{n \in s,p,q} dy_{n,o,p,q}

    References
    ----------
    See `backward_bias`.
    """
    return bias_gradient_sums("conv2d", grad_y, shared, shards, joined, backend)


def _check_weight(
    what: str,
    grad_y: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
    groups: int,
) -> tuple[Array, Array, Window]:
    """Check the arrays for the gradient of the filters; return both as batches."""
    batch = as_batch(what, x)
    shape = check_shape(what, weight_shape, x.dtype)
    window = window_for(what, batch.shape, shape, stride, padding, dilation, groups)
    same_dtype(what, grad_y=grad_y, x=x)
    return _grad_y(what, grad_y, len(batch), shape[0], window), batch, window


def _grad_y(what: str, grad_y: Array, N: int, O: int, window: Window) -> Array:
    """Check that `grad_y` has the shape of the forward pass's output."""
    grads = as_batch(what, grad_y, "grad_y")
    expect(what, "grad_y", grads, (N, O, *window.output), "the shape of the forward pass's output")
    return grads
