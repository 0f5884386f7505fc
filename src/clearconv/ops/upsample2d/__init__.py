r"""Up-sampling: a map is made larger, each new pixel interpolated between the old ones.

Each output u of an axis lies at a place :math:`t_u` among the inputs. ``"nearest"`` takes the
pixel that the place falls into, ``"bilinear"`` mixes the two that it lies between, along rows and
along columns:

.. math::
    y_{n,c,p,q} = \sum_{r,s} R_{p,r} S_{q,s}\; x_{n,c,r,s}, \qquad
    R_{p,\lfloor t_p \rfloor} = 1 - (t_p - \lfloor t_p \rfloor), \quad
    R_{p,\lfloor t_p \rfloor + 1} = t_p - \lfloor t_p \rfloor

and S likewise; for ``"nearest"`` R is 1 at :math:`\lfloor t_p \rfloor`. With a scale f, or f = OH /
H where a size is given:

====================================  ========================================
``"nearest"``                         :math:`t_u = u / f`
``"bilinear"``                        :math:`t_u = (u + 1/2) / f - 1/2`
``"bilinear", align_corners``         :math:`t_u = u (H - 1) / (OH - 1)`
====================================  ========================================

cut to the image. Nothing is learnt. It is linear in x, so backward multiplies by the transposed
matrices: each pixel collects from all outputs that it contributes to.

Shapes: x (N, C, H, W), y (N, C, OH, OW). One image (C, H, W) or one map (H, W) is accepted too and
comes back without the missing axes. All arrays are float32, or all are float64.

Sources: PyTorch's ``interpolate`` and ONNX's ``Resize`` for the places. ``docs/upsample2d.md``
derives them, and the gradient.
"""

from clearconv.arrays import Array, Destination, as_batch, batch_shape, expect, fits
from clearconv.ops.tellings import pick
from clearconv.ops.upsample2d.grid import Grid, Scale, Size

__all__ = ["backward_input", "forward"]


def forward(
    x: Array,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Make every map larger, or smaller.

    A convolution after it sees more pixels but no more information; unlike a transposed convolution
    it treats all places alike.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    size : int or (int, int), optional
        OH and OW.
    scale_factor : float or (float, float), optional
        Factor in place of `size`: OH = floor(H * scale). Below 1 the map gets smaller; then pixels
        between the places are skipped, not averaged.
    mode : {"nearest", "bilinear"}
        Whether an output is one pixel, or a mixture of up to four.
    align_corners : bool
        For "bilinear": put the corner pixels' centres on each other, so that the corners keep their
        values; by default the corners of the images lie on each other.
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
        If `x` has another rank or a map without pixels, or the sizes are not valid.
    ArgumentError
        If `mode` is not known, or `size` and `scale_factor` are given both or neither.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,c,p,q} = \sum_{r,s} R_{p,r} S_{q,s}\, x_{n,c,r,s}

    In the matrix telling a pixel that is not finite spoils its whole row and column of the result.

    References
    ----------
    PyTorch, ``torch.nn.functional.interpolate``.
    """
    what = "upsample2d.forward"
    batch = as_batch(what, x)
    grid = Grid.of(what, batch.shape[2:], size, scale_factor, mode, align_corners)
    shape = (*batch.shape[:2], *grid.output)
    fits(what, "y", shape, x.itemsize)
    to = Destination(what, out, shape[4 - x.ndim :], x.dtype, x, axes=4)
    return to.result(pick("upsample2d", backend).forward(batch, grid, to.place))


def backward_input(
    grad_y: Array,
    x_shape: tuple[int, ...],
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    A pixel went into several outputs, each time with a weight; it collects from each the gradient
    times that weight.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C, OH, OW), or without the axes that the input lacked
        dL/dy.
    x_shape : tuple of int
        Shape of the forward pass's input: (N, C, H, W), (C, H, W) or (H, W).
    size, scale_factor, mode, align_corners
        As in the forward pass.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of shape `x_shape`
        Same dtype as `grad_y`. Pixels that no output was read from get exactly zero.

    Raises
    ------
    ShapeError
        If `grad_y` is not what the forward pass gives for `x_shape`.
    ArgumentError
        As in the forward pass.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: dx_{n,c,r,s} = \sum_{p,q} R_{p,r} S_{q,s}\, dy_{n,c,p,q}

    References
    ----------
    PyTorch, ``torch.nn.functional.interpolate``.
    """
    what = "upsample2d.backward_input"
    full = batch_shape(what, x_shape)
    grid = Grid.of(what, full[2:], size, scale_factor, mode, align_corners)
    grads = as_batch(what, grad_y, "grad_y")
    expect(what, "grad_y", grads, (*full[:2], *grid.output), "the forward pass's output's shape")
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, axes=4)
    telling = pick("upsample2d", backend)
    return to.result(telling.backward_input(grads, grid, to.place))
