r"""Max pooling: each output is the largest pixel under a window, channel by channel.

.. math:: y_{n,c,p,q} = \max_{i,j}\; x_{n,\,c,\,p s_h + i d_h - top,\,q s_w + j d_w - left}

over the window elements that lie inside the image: padding never wins. There are no parameters,
and every channel is kept. Backward, the pixel that won receives the gradient, for its derivative
is 1, and the others receive nothing.

Where several pixels are equally large, the first in row-major order of the window wins. A NaN beats
every number, and the first NaN wins, so that errors are not hidden.

Shapes: x (N, C, H, W), y (N, C, OH, OW). One image (C, H, W) or one map (H, W) is accepted too and
comes back without the missing axes. All arrays are float32, or all are float64.

Sources: the article's formula 3 (forward) and 16 (backward). ``docs/max_pool2d.md`` derives them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, Destination, as_batch, batch_shape, expect, fits
from clearconv.errors import ShapeError, TapeError
from clearconv.ops.geometry.taps import touches
from clearconv.ops.geometry.window import IntOrPair, Padding, Window
from clearconv.ops.tellings import pick

__all__ = ["MaxPoolSaved", "backward_input", "forward", "forward_saving"]


@dataclass(frozen=True)
class MaxPoolSaved:
    """What the backward pass of max pooling needs from the forward pass.

    Attributes
    ----------
    x_shape : tuple of int
        Shape of the input as it was given.
    window : Window
        The geometry.
    argmax : ndarray of int, shape (N, C, OH, OW)
        Which window element won, counted row by row: ``i * KW + j``. uint8 for windows of up to
        256 elements, else int32.
    """

    x_shape: tuple[int, ...]
    window: Window
    argmax: npt.NDArray[np.uint8] | npt.NDArray[np.int32]


def forward(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Take the largest pixel under every window.

    The output says that a pattern was found, and only roughly where: small shifts change little.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Step of the window along rows and columns; by default `kernel_size`.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Rows and columns around the image that a window may cover; they never win. Every window
        must touch at least one pixel.
    dilation : int or (int, int)
        Distance between neighbouring window elements on the input; 1 leaves no holes.
    ceil_mode : bool
        Whether to keep a last window over the edge that starts inside the image or before it.
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
        If the window does not fit, or one lies on padding alone.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,c,p,q} = \max_{i,j} x_{n,c,ps+id,qs+jd}

    References
    ----------
    The article's formula 3.
    """
    what = "max_pool2d.forward"
    batch = as_batch(what, x)
    window = _window(what, batch, kernel_size, stride, padding, dilation, ceil_mode)
    to = Destination(what, out, _shape(batch, window)[4 - x.ndim :], x.dtype, x, axes=4)
    return to.result(pick("max_pool2d", backend).forward(batch, window, to.place))


def forward_saving(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, MaxPoolSaved]:
    r"""Take the largest pixel under every window, and remember which it was.

    The backward pass needs no pixels, only the winners: one byte per output, not the whole input.

    Parameters
    ----------
    x, kernel_size, stride, padding, dilation, ceil_mode
        As in `forward`.
    out : ndarray, optional
        Receives `y`; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, C, OH, OW), or without the axes that `x` lacks
        Same dtype as `x`.
    saved : MaxPoolSaved
        For `backward_input`, of this telling or any other.

    Raises
    ------
    ShapeError
        If the window does not fit, or one lies on padding alone.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: a_{n,c,p,q} = \min \arg\max_{i\,KW+j}\; x_{n,c,ps+id,qs+jd}

    References
    ----------
    The article's formulas 3 and 16.
    """
    what = "max_pool2d.forward_saving"
    batch = as_batch(what, x)
    window = _window(what, batch, kernel_size, stride, padding, dilation, ceil_mode)
    to = Destination(what, out, _shape(batch, window)[4 - x.ndim :], x.dtype, x, axes=4)
    y, argmax = pick("max_pool2d", backend).forward_saving(batch, window, to.place)
    return to.result(y), MaxPoolSaved(x.shape, window, argmax)


def backward_input(
    grad_y: Array,
    saved: MaxPoolSaved,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    Every output passes its gradient to the pixel that won; a pixel that won in several overlapping
    windows collects from each.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C, OH, OW), or without the axes that the input lacked
        dL/dy.
    saved : MaxPoolSaved
        The second result of `forward_saving`.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape `saved.x_shape`
        Same dtype as `grad_y`.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives.
    TapeError
        If `saved` does not come from `forward_saving`.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: dx_{n,c,r,t} = \sum_{p,q} dy_{n,c,p,q}\;
        [\,(r, t) \text{ is the pixel that won window } (p, q)\,]

    References
    ----------
    The article's formula 16 (whose program overwrites where windows overlap, instead of adding).
    """
    what = "max_pool2d.backward_input"
    if not isinstance(saved, MaxPoolSaved):
        raise TapeError(
            f"{what}: saved is a {type(saved).__name__}, but the record of the forward pass is "
            "needed. Use y, saved = max_pool2d.forward_saving(x, ...)."
        )
    grads = as_batch(what, grad_y, "grad_y")
    N, C = batch_shape(what, saved.x_shape)[:2]
    shape = (N, C, *saved.window.output)
    expect(what, "grad_y", grads, shape, "the shape of the forward pass's output")
    to = Destination(what, out, saved.x_shape, grad_y.dtype, grad_y, saved.argmax, axes=4)
    telling = pick("max_pool2d", backend)
    return to.result(telling.backward_input(grads, saved.argmax, saved.window, to.place))


def _window(
    what: str,
    batch: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: Padding,
    dilation: IntOrPair,
    ceil_mode: bool,
) -> Window:
    """Compute the geometry, and make sure that every window has a pixel to choose."""
    H, W = batch.shape[2:]
    stride = kernel_size if stride is None else stride
    window = Window.of(what, (H, W), kernel_size, stride, padding, dilation, ceil_mode)
    for axis, name in enumerate(("rows", "columns")):
        if not touches(window, axis):
            raise ShapeError(
                f"{what}: with padding {window.padding[axis]} on the {name}, a window of "
                f"{window.kernel[axis]} (dilation {window.dilation[axis]}) lies on padding alone "
                "and has no maximum. Use less padding: at most half the kernel is always safe."
            )
    fits(what, "y", _shape(batch, window), batch.itemsize)
    return window


def _shape(batch: Array, window: Window) -> tuple[int, ...]:
    """Shape of the output of a batch."""
    return (*batch.shape[:2], *window.output)
