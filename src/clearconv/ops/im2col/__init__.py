r"""Patches of an image as the columns of a matrix (im2col), and back (col2im).

It turns convolution and pooling into plain matrix operations: a filter becomes a row, a patch a
column, and a convolution is one matrix product. The articles call the two directions `im2col` and
`col2im`; here these are the names of `forward` and `backward_input`, because adding the columns
back to the pixels they came from *is* the gradient of copying them out.

Shapes: x (N, C, H, W), y (N, C·KH·KW, OH·OW). Row ``(c·KH + i)·KW + j`` of y holds channel c under
kernel element (i, j); column ``p·OW + q`` holds the patch of output position (p, q). That is the
layout of PyTorch's ``unfold`` and ``fold``. One image (C, H, W) or one map (H, W) is accepted too
and gives a matrix without N. All arrays are float32, or all are float64.

Sources: Chellapilla, Puri and Simard, "High performance convolutional neural networks for document
processing", 2006. ``docs/im2col.md`` derives them.
"""

from clearconv.arrays import Array, Destination, as_batch, batch_shape, check, expect, fits
from clearconv.ops.geometry.window import IntOrPair, Padding, Window
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "col2im", "forward", "im2col"]


def forward(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Copy the patch under every window position into a column (the articles' im2col).

    A pixel that several windows see is copied once for each: memory is paid for speed.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int)
        Step of the window along rows and columns.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image; "same" gives ceil(size / stride) positions.
    dilation : int or (int, int)
        Distance between neighbouring window elements on the input; 1 leaves no holes.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, C·KH·KW, OH·OW), or without N for one image or map
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the window does not fit; says what was received and expected.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,\,(c\,KH + i)\,KW + j,\,p\,OW + q}
        = x^{pad}_{n,\,c,\,p s_h + i d_h,\,q s_w + j d_w}

    References
    ----------
    Chellapilla, Puri and Simard, 2006, section 4.
    """
    what = "im2col.forward"
    batch = as_batch(what, x)
    N, C, H, W = batch.shape
    window = Window.of(what, (H, W), kernel_size, stride, padding, dilation)
    shape = (N, *_matrix_shape(C, window))
    fits(what, "y", shape, x.itemsize)
    to = Destination(what, out, shape if x.ndim == 4 else shape[1:], x.dtype, x, axes=3)
    return to.result(pick("im2col", backend).forward(batch, window, to.place))


def backward_input(
    grad_y: Array,
    x_shape: tuple[int, ...],
    kernel_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Add every column back to the pixels it came from (the articles' col2im).

    It is the adjoint of `forward`, ``<forward(x), y> = <x, backward_input(y)>``, not its inverse:
    a pixel that four windows saw comes back as the sum of its four copies.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C·KH·KW, OH·OW) or (C·KH·KW, OH·OW)
        dL/dy, or any matrix of columns.
    x_shape : tuple of int
        Shape of the image: (N, C, H, W), (C, H, W) or (H, W).
    kernel_size, stride, padding, dilation
        As in the forward pass.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape `x_shape`
        Same dtype as `grad_y`. What falls on padding is dropped.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives for `x_shape`.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: dx_{n,c,r,t} = \sum_{i,j} dy_{n,\,(c\,KH + i)\,KW + j,\,p\,OW + q},
        \qquad p s_h + i d_h - top = r,\quad q s_w + j d_w - left = t

    References
    ----------
    Chellapilla, Puri and Simard, 2006, section 4.
    """
    what = "im2col.backward_input"
    N, C, H, W = batch_shape(what, x_shape)
    window = Window.of(what, (H, W), kernel_size, stride, padding, dilation)
    check(what, "grad_y", grad_y, (2, 3))
    columns = grad_y if grad_y.ndim == 3 else grad_y[None]  # (N, C*KH*KW, OH*OW)
    why = "(N, C*KH*KW, OH*OW), the shape of the forward pass's output"
    expect(what, "grad_y", columns, (N, *_matrix_shape(C, window)), why)
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, axes=4)
    return to.result(pick("im2col", backend).backward_input(columns, window, to.place))


#: The articles' names of the two directions.
im2col = forward
col2im = backward_input


def _matrix_shape(C: int, window: Window) -> tuple[int, int]:
    """Rows and columns of one image's matrix."""
    (KH, KW), (OH, OW) = window.kernel, window.output
    return C * KH * KW, OH * OW
