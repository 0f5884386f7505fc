r"""Transposed convolution: each input pixel stamps the kernel, times the pixel, onto the output.

Where convolution gathers a patch into one output, this scatters one input over a patch; where
patches overlap, they are added. With strides s, dilations d and padding ``top`` and ``left``:

.. math::
    y_{n,o,u,v} = b_o + \sum_{c,i,j} w_{c,o,i,j}\; x_{n,c,p,q}, \qquad
    u = p s_h + i d_h - top,\quad v = q s_w + j d_w - left

So a stride makes the map larger and padding cuts it: along an axis
``output = (input - 1) * stride + dilation * (kernel - 1) + 1 - before - after + output_padding``.

That is conv2d's input gradient, with x in the place of `grad_y`, and conv2d's forward pass is its
input gradient: each is the other's transpose. The matrix and native tellings run conv2d's code with
the roles exchanged.

Shapes: x (N, C, H, W), weight (C, O/groups, KH, KW), bias (O,) or (O, OH, OW), y (N, O, OH, OW).
One image (C, H, W) or one map (H, W) is accepted too and comes back without the missing axes: an
image gives (O, OH, OW), and so does a map. All arrays are float32, or all are float64. With
``groups`` > 1, input channel c reaches only the O/groups output channels of its own group.

Sources: Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", 2010; Dumoulin and Visin,
"A guide to convolution arithmetic for deep learning", 2016, chapter 4; PyTorch's
``conv_transpose2d`` for the arguments. ``docs/conv_transpose2d.md`` derives the gradients.
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
from clearconv.ops.conv2d.filters import check_bias, check_shape
from clearconv.ops.conv2d.points import POINTS
from clearconv.ops.conv_transpose2d.transposed import transposed_window
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
    "weight_from_sum",
    "weight_sums",
]


def forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    *,
    exact: bool = False,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Stamp every kernel at every pixel, and add where they overlap.

    It is the way back to a larger map: a learnt up-sampling.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    weight : ndarray of shape (C, O/groups, KH, KW)
        Filters; input channels come first.
    bias : ndarray of shape (O,) or (O, OH, OW), optional
        Added to each output channel, or to each position of it.
    stride : int or (int, int)
        Distance between neighbouring pixels' kernels on the output, along rows and columns.
    padding : int, (int, int) or ((top, bottom), (left, right))
        Rows and columns cut from the output's edges: the padding of the convolution that
        this reverses.
    output_padding : int or (int, int)
        Rows added at the bottom and columns at the right, less than the stride or the dilation: a
        stride maps several sizes to one, and this chooses which of them to return to.
    groups : int
        Number of independent groups of channels.
    dilation : int or (int, int)
        Distance between neighbouring kernel elements on the output; 1 leaves no holes.
    exact : bool
        Only direct sums, see ``conv2d.forward``.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, O, OH, OW), or without N for one image or map
        Same dtype as `x`. Pixels that no kernel reaches hold the bias.

    Raises
    ------
    ShapeError
        If the channels, groups or sizes do not fit; says what was received and expected.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: y_{n,o,u,v} = b_o + \sum_{c,i,j} w_{c,o,i,j}\, x_{n,c,p,q},
        \qquad p s_h + i d_h - top = u,\quad q s_w + j d_w - left = v

    Cost: N·C·H·W·(O/groups)·KH·KW multiply-adds.

    References
    ----------
    Dumoulin and Visin, 2016, chapter 4.
    """
    what = "conv_transpose2d.forward"
    batch = as_batch(what, x)
    check(what, "weight", weight, 4)
    window = transposed_window(
        what, batch.shape, weight.shape, stride, padding, output_padding, groups, dilation
    )
    same_dtype(what, x=x, weight=weight, bias=bias)
    O = weight.shape[1] * groups
    check_bias(what, bias, O, window.input)
    shape = (batch.shape[0], O, *window.input)
    fits(what, "y", shape, x.itemsize)
    final = shape if x.ndim == 4 else shape[1:]
    to = Destination(what, out, final, x.dtype, x, weight, bias, axes=4)
    telling = pick("conv_transpose2d", backend)
    return to.result(telling.forward(batch, weight, bias, window, groups, exact, to.place))


def backward_input(
    grad_y: Array,
    weight: Array,
    x_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    *,
    exact: bool = False,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    A pixel was stamped onto a patch; it collects that patch of `grad_y`, each number times the
    weight that went there. That is a plain convolution of `grad_y`, kernel not turned.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW) or (O, OH, OW)
        dL/dy.
    weight : ndarray of shape (C, O/groups, KH, KW)
        Filters of the forward pass.
    x_shape : tuple of int
        Shape of the forward pass's input: (N, C, H, W), (C, H, W) or (H, W).
    stride, padding, output_padding, groups, dilation, exact
        As in the forward pass.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape `x_shape`
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives for `x_shape`.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dx_{n,c,p,q} = \sum_{o,i,j} w_{c,o,i,j}\;
        dy^{pad}_{n,\,o,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    Dumoulin and Visin, 2016, chapter 4.
    """
    what = "conv_transpose2d.backward_input"
    full = batch_shape(what, x_shape)
    check(what, "weight", weight, 4)
    window = transposed_window(
        what, full, weight.shape, stride, padding, output_padding, groups, dilation
    )
    same_dtype(what, grad_y=grad_y, weight=weight)
    grads = as_batch(what, grad_y, "grad_y")
    shape = (full[0], weight.shape[1] * groups, *window.input)
    expect(what, "grad_y", grads, shape, "the shape of the forward pass's output")
    telling = pick("conv_transpose2d", backend)
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, weight, axes=4)
    return to.result(telling.backward_input(grads, weight, window, groups, exact, to.place))


def backward_weight(
    grad_y: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: IntOrPair = 1,
    padding: Padding = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    *,
    exact: bool = False,
    shards: Shards = WHOLE,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the filters.

    A weight connected every pixel to one output; its gradient is the sum, over images and pixels,
    of pixel times `grad_y`. It is conv2d's with x and `grad_y` exchanged.

    Parameters
    ----------
    grad_y : ndarray of shape (N, O, OH, OW) or (O, OH, OW)
        dL/dy.
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input of the forward pass.
    weight_shape : tuple of int
        (C, O/groups, KH, KW).
    stride, padding, output_padding, groups, dilation, exact
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
    .. math:: dw_{c,o,i,j} = \sum_{n,p,q} x_{n,c,p,q}\;
        dy^{pad}_{n,\,o,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    Dumoulin and Visin, 2016, chapter 4.
    """
    what, telling = "conv_transpose2d.backward_weight", pick("conv_transpose2d", backend)
    grads, batch, window = _check_weight(
        what, grad_y, x, weight_shape, stride, padding, output_padding, groups, dilation
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
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
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
        (C, O/groups, KH, KW).
    stride, padding, output_padding, groups, dilation, exact
        As in the forward pass.
    shards : Shards
        Which shards of the batch these images are.
    joined : bool
        Whether to add up the shards at hand: one sum instead of one for each.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    sums : ndarray of shape (shards, *weight_shape) or (shards, 36, O, C)
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
    .. math:: dw_{s,c,o,i,j} = \sum_{n \in s,p,q} x_{n,c,p,q}\;
        dy^{pad}_{n,\,o,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    See `backward_weight`.
    """
    what, telling = "conv_transpose2d.weight_sums", pick("conv_transpose2d", backend)
    grads, batch, window = _check_weight(
        what, grad_y, x, weight_shape, stride, padding, output_padding, groups, dilation
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
    sum : ndarray of shape `weight_shape` or (36, O, C)
        Total of the sums that `weight_sums` returned.
    weight_shape : tuple of int
        (C, O/groups, KH, KW).
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
    what, shape = "conv_transpose2d.weight_from_sum", tuple(weight_shape)
    check(what, "sum", sum, (3, 4))
    to = Destination(what, out, shape, sum.dtype, sum)
    if sum.ndim == 4:
        expect(what, "sum", sum, shape, "the shape of the filters")
        return to.result(put(sum, to.place))
    expect(what, "sum", sum, (POINTS, *shape[1::-1]), "36 points of filters of this shape")
    return to.result(pick("conv_transpose2d", backend).weight_from_sum(sum, out=to.place))


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
    .. math:: db_o = \sum_{n,u,v} dy_{n,o,u,v} \qquad\text{or}\qquad
        db_{o,u,v} = \sum_n dy_{n,o,u,v}

    References
    ----------
    See ``conv2d.backward_bias``.
    """
    return bias_gradient("conv_transpose2d", grad_y, shared, shards, out, backend)


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
    .. math:: db_{s,o} = \sum_{n \in s,u,v} dy_{n,o,u,v}

    References
    ----------
    See `backward_bias`.
    """
    return bias_gradient_sums("conv_transpose2d", grad_y, shared, shards, joined, backend)


def _check_weight(
    what: str,
    grad_y: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: Padding,
    output_padding: IntOrPair,
    groups: int,
    dilation: IntOrPair,
) -> tuple[Array, Array, Window]:
    """Check the arrays for the gradient of the filters; return both as batches."""
    batch = as_batch(what, x)
    check_shape(what, weight_shape, x.dtype)
    window = transposed_window(
        what, batch.shape, weight_shape, stride, padding, output_padding, groups, dilation
    )
    same_dtype(what, grad_y=grad_y, x=x)
    grads = as_batch(what, grad_y, "grad_y")
    shape = (batch.shape[0], weight_shape[1] * groups, *window.input)
    expect(what, "grad_y", grads, shape, "the shape of the forward pass's output")
    return grads, batch, window
