r"""Softmax: turn scores (logits) into probabilities that sum to 1.

.. math::
    y_k = \frac{e^{x_k - \max_j x_j}}{\sum_j e^{x_j - \max_j x_j}}

Subtracting the largest score changes nothing, since it cancels, but keeps exp from overflowing.

Every y depends on every x of its row, so the derivative is a matrix, dy_k/dx_j = y_k (δ_kj - y_j),
and not only its diagonal. It is never built: times `grad_y` it is one sum and one product.

Shapes: x of any shape, softmax along one axis; y the same. float32 or float64. To train a
classifier use the chapter cross_entropy, which takes logits and stays exact where softmax rounds
to 0.

Sources: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990;
Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.3. ``docs/softmax.md``
derives the formulas.
"""

import numpy as np

from clearconv.arrays import Array, Destination, check, expect, same_dtype
from clearconv.errors import ShapeError
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "forward"]


def forward(
    x: Array, axis: int = -1, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Exponentiate, and divide by the sum.

    Only differences between scores count: adding one number to all of them changes nothing.

    Parameters
    ----------
    x : ndarray of any shape with at least one axis
        Logits.
    axis : int
        The axis of the classes; the result sums to 1 along it.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Probabilities.

    Raises
    ------
    ShapeError
        If `x` has no such axis, or no classes along it.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y_k = e^{x_k - m} / \sum_j e^{x_j - m}, \qquad m = \max_j x_j

    References
    ----------
    Goodfellow, Bengio and Courville, 2016, formula 6.29.
    """
    what = "softmax.forward"
    check(what, "x", x)
    rows = _last(what, x, axis)  # (..., K)
    to = Destination(what, out, x.shape, x.dtype, x)
    place = None if to.place is None else _last(what, to.place, axis)
    return to.result(_back(pick("softmax", backend).forward(rows, place), axis))


def backward_input(
    grad_y: Array,
    y: Array,
    axis: int = -1,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the logits.

    Since the probabilities share one whole, only how a gradient differs from the row's average,
    weighted by y, can move anything; every row of the result sums to 0.

    Parameters
    ----------
    grad_y : ndarray of the shape of `y`
        dL/dy.
    y : ndarray
        Output of the forward pass, the probabilities.
    axis : int
        As in the forward pass.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of `y`
        Same dtype as `y`.

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no such axis.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dx_k = y_k \left( dy_k - \sum_j dy_j\, y_j \right)

    References
    ----------
    Bridle, 1990.
    """
    what = "softmax.backward_input"
    check(what, "y", y)
    check(what, "grad_y", grad_y)
    same_dtype(what, grad_y=grad_y, y=y)
    expect(what, "grad_y", grad_y, y.shape, "the shape of the forward pass's output")
    grads, shares = _last(what, grad_y, axis), _last(what, y, axis)  # (..., K)
    to = Destination(what, out, y.shape, y.dtype, grad_y, y)
    place = None if to.place is None else _last(what, to.place, axis)
    return to.result(_back(pick("softmax", backend).backward_input(grads, shares, place), axis))


def _last(what: str, array: Array, axis: int) -> Array:
    """View the array with the axis of the classes last."""
    if not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"{what}: axis={axis}, but x has shape {array.shape}, {array.ndim} axes.")
    if array.shape[axis] == 0:
        raise ShapeError(f"{what}: x has shape {array.shape}, no classes along axis {axis}.")
    if axis in (-1, array.ndim - 1):  # the usual case: np.moveaxis costs more than a small call
        return array
    return np.moveaxis(array, axis, -1)  # (..., K)


def _back(rows: Array, axis: int) -> Array:
    """View (..., K) with the classes on their axis again."""
    return rows if axis in (-1, rows.ndim - 1) else np.moveaxis(rows, -1, axis)
