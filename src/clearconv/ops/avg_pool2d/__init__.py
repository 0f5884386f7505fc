r"""Average pooling: each output is the mean of the pixels under a window, channel by channel.

.. math::
    y_{n,c,p,q} = \frac{1}{D_{p,q}} \sum_{i,j} x^{pad}_{n,\,c,\,p s_h + i d_h,\,q s_w + j d_w}

The divisor :math:`D_{p,q}` is the number of places the window covers: with ``count_include_pad``
those inside the padded image, else those inside the image itself. It is smaller than KH·KW only
where ``ceil_mode`` lets a window hang over, or where padding is not counted.

Backward, every pixel under a window receives an equal share, ``grad_y / D``.

Shapes: x (N, C, H, W), y (N, C, OH, OW). One image (C, H, W) or one map (H, W) is accepted too and
comes back without the missing axes. All arrays are float32, or all are float64.

Sources: PyTorch's ``avg_pool2d`` for the divisor, ONNX's ``AveragePool`` for dilation.
``docs/avg_pool2d.md`` derives the gradient.
"""

from clearconv.arrays import Array, Destination, as_batch, batch_shape, expect, fits
from clearconv.errors import ShapeError
from clearconv.ops.geometry.taps import touches
from clearconv.ops.geometry.window import IntOrPair, Padding, Window
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "forward"]


def forward(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    dilation: IntOrPair = 1,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Take the mean of the pixels under every window.

    Unlike the maximum it takes every pixel into account, so it blurs where max pooling selects.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Step of the window along rows and columns; by default `kernel_size`.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image.
    ceil_mode : bool
        Whether to keep a last window over the edge that starts inside the image or before it.
        What hangs over the padding is never counted.
    count_include_pad : bool
        Whether the padding's zeros count as pixels in the divisor.
    dilation : int or (int, int)
        Distance between neighbouring window elements; 1 leaves no holes.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, C, OH, OW), or without the axes that `x` lacks
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the window does not fit, or counts no pixel at all.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,c,p,q} = \frac{1}{D_{p,q}} \sum_{i,j} x^{pad}_{n,c,ps+id,qs+jd}

    References
    ----------
    PyTorch, ``torch.nn.functional.avg_pool2d``.
    """
    what = "avg_pool2d.forward"
    batch = as_batch(what, x)
    window = _window(
        what, batch.shape, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad
    )
    shape = (*batch.shape[:2], *window.output)
    fits(what, "y", shape, x.itemsize)
    to = Destination(what, out, shape[4 - x.ndim :], x.dtype, x, axes=4)
    y = pick("avg_pool2d", backend).forward(batch, window, count_include_pad, to.place)
    return to.result(y)


def backward_input(
    grad_y: Array,
    x_shape: tuple[int, ...],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    dilation: IntOrPair = 1,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    Every pixel has the same share in its window's mean, so it gets the same share back.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C, OH, OW), or without the axes that the input lacked
        dL/dy.
    x_shape : tuple of int
        Shape of the forward pass's input: (N, C, H, W), (C, H, W) or (H, W).
    kernel_size, stride, padding, ceil_mode, count_include_pad, dilation
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
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: dx_{n,c,r,t} = \sum_{p,q\,:\,(r,t) \text{ under } (p,q)} dy_{n,c,p,q} / D_{p,q}

    References
    ----------
    PyTorch, ``torch.nn.functional.avg_pool2d``.
    """
    what = "avg_pool2d.backward_input"
    full = batch_shape(what, x_shape)
    window = _window(
        what, full, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad
    )
    grads = as_batch(what, grad_y, "grad_y")
    shape = (*full[:2], *window.output)
    expect(what, "grad_y", grads, shape, "the shape of the forward pass's output")
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, axes=4)
    telling = pick("avg_pool2d", backend)
    return to.result(telling.backward_input(grads, window, count_include_pad, to.place))


def _window(
    what: str,
    x_shape: tuple[int, ...],
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: Padding,
    dilation: IntOrPair,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Window:
    """Compute the geometry, and make sure that no divisor is zero."""
    H, W = x_shape[2:]
    stride = kernel_size if stride is None else stride
    window = Window.of(what, (H, W), kernel_size, stride, padding, dilation, ceil_mode)
    for axis, name in enumerate(("rows", "columns")):
        if not count_include_pad and not touches(window, axis):
            raise ShapeError(
                f"{what}: with padding {window.padding[axis]} on the {name}, a window of "
                f"{window.kernel[axis]} lies on padding alone, and count_include_pad=False leaves "
                "nothing to average. Use less padding: at most half the kernel is always safe."
            )
    return window
