r"""Adaptive average pooling: a map of any size becomes one of a given size.

Along each axis the input is cut into as many cells as there are outputs, and each output is the
mean of its cell. Where the sizes do not divide, neighbouring cells share a pixel:

.. math::
    y_{n,c,p,q} = \frac{1}{|R_p| |T_q|} \sum_{r \in R_p} \sum_{t \in T_q} x_{n,c,r,t}, \qquad
    R_p = \{\lfloor p H / OH \rfloor, \dots, \lceil (p + 1) H / OH \rceil - 1\}

and T_q likewise with W and OW. Backward, every pixel of a cell receives an equal share,
``grad_y`` over the cell's number of pixels.

Shapes: x (N, C, H, W), y (N, C, OH, OW). One image (C, H, W) or one map (H, W) is accepted too and
comes back without the missing axes. All arrays are float32, or all are float64.

Sources: PyTorch's ``adaptive_avg_pool2d`` for the cells; He, Zhang, Ren and Sun, "Spatial pyramid
pooling in deep convolutional networks", 2014, for the idea. ``docs/adaptive_avg_pool2d.md`` derives
the gradient.
"""

from clearconv.arrays import Array, Destination, as_batch, batch_shape, expect, fits
from clearconv.ops.adaptive_avg_pool2d.size import Size, pair_of
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "forward"]


def forward(
    x: Array, output_size: Size, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Take the mean of every cell.

    The layers after it see one size, whatever the image's, as a classifier of fixed width requires.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    output_size : int or (int, int)
        OH and OW; None in place of either keeps the input's. More outputs than pixels are allowed:
        then cells have one or two pixels, and some are the same.
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
        If `x` has another rank or a map without pixels, or `output_size` is not a size.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,c,p,q} = \frac{1}{|R_p| |T_q|} \sum_{r \in R_p, t \in T_q} x_{n,c,r,t}

    In the matrix telling a pixel that is not finite spoils its whole row and column of the result.

    References
    ----------
    PyTorch, ``torch.nn.functional.adaptive_avg_pool2d``.
    """
    what = "adaptive_avg_pool2d.forward"
    batch = as_batch(what, x)
    output = pair_of(what, output_size, batch.shape[2:])
    shape = (*batch.shape[:2], *output)
    fits(what, "y", shape, x.itemsize)
    to = Destination(what, out, shape[4 - x.ndim :], x.dtype, x, axes=4)
    return to.result(pick("adaptive_avg_pool2d", backend).forward(batch, output, to.place))


def backward_input(
    grad_y: Array,
    x_shape: tuple[int, ...],
    output_size: Size,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    Every pixel has the same part in its cell's mean and gets the same share back; a pixel that two
    cells share gets a part from each.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C, OH, OW), or without the axes that the input lacked
        dL/dy.
    x_shape : tuple of int
        Shape of the forward pass's input: (N, C, H, W), (C, H, W) or (H, W).
    output_size
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
    .. math:: dx_{n,c,r,t} = \sum_{p: r \in R_p} \sum_{q: t \in T_q}
        \frac{dy_{n,c,p,q}}{|R_p| |T_q|}

    References
    ----------
    PyTorch, ``torch.nn.functional.adaptive_avg_pool2d``.
    """
    what = "adaptive_avg_pool2d.backward_input"
    full = batch_shape(what, x_shape)
    output = pair_of(what, output_size, full[2:])
    grads = as_batch(what, grad_y, "grad_y")
    expect(what, "grad_y", grads, (*full[:2], *output), "the shape of the forward pass's output")
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, axes=4)
    telling = pick("adaptive_avg_pool2d", backend)
    return to.result(telling.backward_input(grads, full, to.place))
