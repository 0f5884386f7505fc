r"""Global average pooling: one number per channel, the mean over the whole map.

.. math:: y_{n,c} = \frac{1}{HW} \sum_{r,t} x_{n,c,r,t}, \qquad
    dx_{n,c,r,t} = \frac{dy_{n,c}}{HW}

It maps images of any size to a vector of fixed length, without parameters; a classifier after it
needs C weights per class where a flattened map needs C·H·W.

Shapes: x (N, C, H, W), y (N, C, 1, 1). One image (C, H, W) or one map (H, W) is accepted too and
comes back without the missing axes. All arrays are float32, or all are float64.

Source: Lin, Chen and Yan, "Network in network", 2014, section 3.2. ``docs/global_avg_pool2d.md``
derives the gradient.
"""

from clearconv.arrays import Array, Destination, as_batch, batch_shape, expect
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "forward"]


def forward(x: Array, *, out: Array | None = None, backend: str | None = None) -> Array:
    r"""Take the mean of every channel over the whole map.

    What remains of a feature is how strong it is, not where.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), (C, H, W) or (H, W)
        Input.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of shape (N, C, 1, 1), (C, 1, 1) or (1, 1)
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If `x` has another rank, or a map without pixels.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_{n,c} = \frac{1}{HW} \sum_{r,t} x_{n,c,r,t}

    References
    ----------
    Lin, Chen and Yan, 2014, section 3.2.
    """
    what = "global_avg_pool2d.forward"
    batch = as_batch(what, x)
    to = Destination(what, out, (*batch.shape[:2], 1, 1)[4 - x.ndim :], x.dtype, x, axes=4)
    return to.result(pick("global_avg_pool2d", backend).forward(batch, to.place))


def backward_input(
    grad_y: Array,
    x_shape: tuple[int, ...],
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    Every pixel has the share 1/(HW) in its channel's mean, and gets that share of the gradient.

    Parameters
    ----------
    grad_y : ndarray of shape (N, C, 1, 1), (C, 1, 1) or (1, 1)
        dL/dy.
    x_shape : tuple of int
        Shape of the forward pass's input: (N, C, H, W), (C, H, W) or (H, W).
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
    .. math:: dx_{n,c,r,t} = dy_{n,c} / (HW)

    References
    ----------
    Lin, Chen and Yan, 2014, section 3.2.
    """
    what = "global_avg_pool2d.backward_input"
    full = batch_shape(what, x_shape)
    grads = as_batch(what, grad_y, "grad_y")
    expect(what, "grad_y", grads, (*full[:2], 1, 1), "one number for each channel")
    to = Destination(what, out, tuple(x_shape), grad_y.dtype, grad_y, axes=4)
    return to.result(pick("global_avg_pool2d", backend).backward_input(grads, full, to.place))
