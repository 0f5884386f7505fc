r"""Toy: square every number.

.. math::
    y = x^2

Shapes: x of any shape; y the same. float32 or float64.

Sources: invented for a test.
"""

from clearconv.arrays import Array, Destination, check, expect, same_dtype
from clearconv.ops.tellings import pick

__all__ = ["backward_input", "forward"]


def forward(x: Array, *, out: Array | None = None, backend: str | None = None) -> Array:
    r"""Square every number.

    Parameters
    ----------
    x : ndarray of any shape
        Input.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype as `x`.

    Raises
    ------
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y = x^2

    References
    ----------
    Invented.
    """
    check("toy.forward", "x", x)
    to = Destination("toy.forward", out, x.shape, x.dtype, x)
    return to.result(pick("toy", backend).forward(x))


def backward_input(
    grad_y: Array, x: Array, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the input.

    Parameters
    ----------
    grad_y : ndarray of the shape of `x`
        dL/dy.
    x : ndarray
        Input of the forward pass.
    out : ndarray, optional
        Receives the result.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of `x`
        Same dtype as `x`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: dx = 2 x \, dy

    References
    ----------
    Invented.
    """
    what = "toy.backward_input"
    check(what, "x", x)
    check(what, "grad_y", grad_y)
    same_dtype(what, grad_y=grad_y, x=x)
    expect(what, "grad_y", grad_y, x.shape, "the shape of x")
    to = Destination(what, out, x.shape, x.dtype, grad_y, x)
    return to.result(pick("toy", backend).backward_input(grad_y, x))
