r"""The activation: one function applied to every number on its own.

.. math::
    y = f(x), \qquad dx = f'(x)\, dy

=========== =========================== ================================
kind        f(x)                        f'(x)
=========== =========================== ================================
relu        0 if x < 0, else x          1 if y > 0, else 0
relu6       relu(x), but at most 6      1 if 0 < y < 6, else 0
leaky_relu  x if x > 0, else slope x    1 if x > 0, else slope
sigmoid     1 / (1 + exp(-x))           y (1 - y)
tanh        tanh(x)                     1 - y²
hardsigmoid relu6(x + 3) / 6            1/6 if -3 < x < 3, else 0
hardswish   x hardsigmoid(x)            x / 3 + 1/2 if -3 < x < 3, else
                                        0 below and 1 above
silu        x sigmoid(x)                s (1 + x (1 - s)), s = sigmoid(x)
identity    x                           1
=========== =========================== ================================

Without one, layer after layer would collapse into a single linear map.

Shapes: any number of axes; y has the shape and memory layout of x. float32 or float64. NaN stays
NaN, so that a broken number is seen at the end and not hidden by a zero. Backward, nothing passes
where a function is flat (the 0 of relu, relu6, hardsigmoid and hardswish in the table): dx is 0
there, whatever dy is, NaN and infinity included. It is a choice, not a product.

Sources: the article's f(net) and f'(net); Nair and Hinton, "Rectified linear units improve
restricted Boltzmann machines", 2010; Maas, Hannun and Ng, "Rectifier nonlinearities improve neural
network acoustic models", 2013; Sandler et al., "MobileNetV2", 2018 (relu6); Howard et al.,
"Searching for MobileNetV3", 2019 (the hard ones); Elfwing, Uchibe and Doya, "Sigmoid-weighted
linear units", 2018, and Ramachandran, Zoph and Le, "Searching for activation functions", 2017
(silu, or swish). ``docs/activation.md`` derives the formulas.
"""

from dataclasses import dataclass

import numpy as np

from clearconv.arrays import Array, Destination, check, expect, put, same_dtype
from clearconv.errors import ArgumentError
from clearconv.ops.tellings import pick

__all__ = ["KINDS", "ActivationSaved", "backward_input", "forward", "forward_saving"]

#: The activations of this chapter.
KINDS = (
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "hardsigmoid",
    "hardswish",
    "silu",
    "identity",
)

# Their derivatives are computed from x: some values of y belong to several x, or to whole ranges.
_FROM_INPUT = ("leaky_relu", "hardsigmoid", "hardswish", "silu")


@dataclass(frozen=True)
class ActivationSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    slope : float
        Slope of leaky_relu; other kinds ignore it.
    array : ndarray or None
        y for relu, relu6, sigmoid and tanh, whose derivative is a function of y, so that x need not
        be kept; x for the others; None for identity.
    """

    kind: str
    slope: float
    array: Array | None


def forward(
    x: Array,
    kind: str = "relu",
    slope: float = 0.01,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Apply one function to every number.

    The bend in the line is what lets several layers express more than one.

    Parameters
    ----------
    x : ndarray of any shape
        Input (the article's net).
    kind : str
        The function, one of `KINDS`.
    slope : float
        Slope of leaky_relu for negative inputs; the other kinds ignore it.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype and memory layout as `x`; identity returns `x` itself, not a copy.

    Raises
    ------
    ArgumentError
        If `kind` is not known.
    ShapeError
        If `out` does not fit.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y = f(x)

    Sigmoid and tanh reach exactly 0, 1 and -1 far from zero, without overflow.

    References
    ----------
    The article's out = f(net).
    """
    what = "activation.forward"
    check(what, "x", x)
    _check_kind(what, kind)
    to = Destination(what, out, x.shape, x.dtype, x)
    if kind == "identity":
        return put(x, out)
    y = pick("activation", backend).forward(x, kind, slope, to.place)
    return to.result(np.asarray(y))


def forward_saving(
    x: Array,
    kind: str = "relu",
    slope: float = 0.01,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> tuple[Array, ActivationSaved]:
    """Apply one function to every number, and keep what backward needs.

    Nothing is copied: y or x itself is kept.

    Parameters
    ----------
    x : ndarray of any shape
        Input (the article's net).
    kind : str
        The function, one of `KINDS`.
    slope : float
        Slope of leaky_relu for negative inputs; the other kinds ignore it.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Output, as from `forward`.
    saved : ActivationSaved
        For `backward_input`.

    Raises
    ------
    ArgumentError
        If `kind` is not known.
    ShapeError
        If `out` does not fit.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y = f(x)

    References
    ----------
    The article's out = f(net).
    """
    y = forward(x, kind, slope, out=out, backend=backend)
    kept = None if kind == "identity" else x if kind in _FROM_INPUT else y
    return y, ActivationSaved(kind, slope, kept)


def backward_input(
    grad_y: Array,
    saved: ActivationSaved,
    *,
    out: Array | None = None,
    backend: str | None = None,
) -> Array:
    r"""Gradient of the loss with respect to the input.

    This is the article's step from ∂E/∂out to the error term δ = ∂E/∂net; a layer that activates
    and leaves it out trains on wrong gradients.

    Parameters
    ----------
    grad_y : ndarray of the shape of y
        dL/dy.
    saved : ActivationSaved
        From `forward_saving`.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of `grad_y`
        Identity returns `grad_y` itself. At a kink the derivative is PyTorch's: from the left at
        x = 0, and at the ends of the hard ones (relu6 at 6, the others at -3 and 3) from outside.

    Raises
    ------
    ArgumentError
        If the kind is not known, or `saved` holds no array although its kind needs one.
    ShapeError
        If `grad_y` does not have the shape of the forward pass.
    DtypeError
        If `grad_y` does not have the dtype of the forward pass.

    Notes
    -----
    .. math:: dx = f'(x)\, dy

    References
    ----------
    The article's f'(net), which its formula 16 leaves out.
    """
    what = "activation.backward_input"
    check(what, "grad_y", grad_y)
    _check_kind(what, saved.kind)
    array = saved.array
    if array is not None:
        same_dtype(what, grad_y=grad_y, saved=array)
        expect(what, "grad_y", grad_y, array.shape, "the shape of the forward pass's output")
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, array)
    if saved.kind == "identity":  # f' is 1, whatever was saved
        return put(grad_y, out)
    if array is None:
        raise ArgumentError(
            f"{what}: saved.array is None, but the derivative of {saved.kind} needs "
            f"{'x' if saved.kind in _FROM_INPUT else 'y'}. Pass what forward_saving returned."
        )
    telling = pick("activation", backend)
    grad_x = telling.backward_input(grad_y, array, saved.kind, saved.slope, to.place)
    return to.result(np.asarray(grad_x))


def _check_kind(what: str, kind: str) -> None:
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise ArgumentError(f"{what}: kind {kind!r} is not known; choose one of {known}.")
