r"""Dropout: in training, switch off a random part of the units, each on its own.

.. math::
    y = \frac{m\, x}{1 - p}, \qquad dx = \frac{m\, dy}{1 - p}, \qquad
    m = 1 \text{ with probability } 1 - p, \text{ else } 0

The division (inverted dropout) keeps the expected y equal to x, so evaluation needs no dropout and
no scaling: the layer is simply left out. A dropped unit passes nothing in either
direction: y and dx are 0 there whatever x and dy are, NaN and infinity included.

A mask is drawn for each sample from a key (seed, layer path, epoch, step, sample number), so it
depends neither on the rest of the batch, nor on how the batch was divided, nor on what was drawn
before. Units are counted in (C, H, W) order, whatever the memory layout.

Shapes: x (N, ...), y the same. float32 or float64.

Sources: Srivastava et al., "Dropout", 2014. ``docs/dropout.md`` explains the formulas.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array, Destination, check, expect, fits, put
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.tellings import pick
from clearconv.random import keys

__all__ = [
    "DropoutKey",
    "DropoutSaved",
    "backward_input",
    "forward",
    "forward_saving",
    "mask",
]


@dataclass(frozen=True)
class DropoutKey:
    """Key of the masks of one layer in one training step.

    Attributes
    ----------
    seed : int
        Seed of the run.
    path : str
        The layer's path, so that no two layers share a mask.
    epoch, step : int
        Position in the training.
    samples : sequence or array of int
        The number of each sample of the batch, in the batch's order.
    """

    seed: int
    path: str
    epoch: int
    step: int
    samples: Sequence[int] | npt.NDArray[np.integer]

    def words(self) -> npt.NDArray[np.uint64]:
        """Return the key of each sample's Philox generator, shape (N, 2)."""
        return keys(self.seed, "dropout", self.path, self.epoch, self.step, self.samples)

    def generators(self) -> list[np.random.Generator]:
        """Return one generator for each sample."""
        return [np.random.Generator(np.random.Philox(key=key)) for key in self.words()]


@dataclass(frozen=True)
class DropoutSaved:
    """What backward needs from the forward pass.

    Attributes
    ----------
    mask : bool ndarray of the shape of x, or None
        True where a unit was kept; None where p is 0 and nothing was drawn.
    p : float
        The probability of dropping a unit.
    """

    mask: npt.NDArray[np.bool_] | None
    p: float


def mask(
    shape: tuple[int, ...], p: float, key: DropoutKey, *, backend: str | None = None
) -> npt.NDArray[np.bool_]:
    r"""Draw which units are kept.

    Each unit is kept if its own uniform number from [0, 1) is at least p. The numbers are float32
    in every case, so float32 and float64 networks drop the same units.

    Parameters
    ----------
    shape : tuple of int
        Shape of the batch, (N, ...).
    p : float
        The probability of dropping a unit; 0 <= p < 1.
    key : DropoutKey
        Key of the masks, with one sample number for each of the N samples.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs. All draw the same mask.

    Returns
    -------
    mask : bool ndarray of `shape`
        True where the unit is kept.

    Raises
    ------
    ArgumentError
        If p is outside [0, 1).
    ShapeError
        If the key does not name N samples.

    Notes
    -----
    .. math:: m_i = 1 \text{ if } u_i \ge p, \text{ else } 0

    The uniform numbers u come from the key's generator of each sample.

    References
    ----------
    Srivastava et al., 2014, section 4; their p is the probability of keeping a unit.
    """
    _check("dropout.mask", shape, p, key)
    return pick("dropout", backend).mask(shape, p, key)


def forward(
    x: Array, p: float, key: DropoutKey, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Switch off each unit with probability p, and scale the others up.

    A network that cannot rely on any single unit learns to rely on many.

    Parameters
    ----------
    x : ndarray of shape (N, ...)
        Input.
    p : float
        The probability of dropping a unit; 0 <= p < 1.
    key : DropoutKey
        Key of the masks, with one sample number for each of the N samples.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Same dtype and memory layout as `x`; for p = 0 `x` itself.

    Raises
    ------
    ArgumentError
        If p is outside [0, 1).
    ShapeError
        If the key does not name N samples.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y = m\, x / (1 - p)

    References
    ----------
    Srivastava et al., 2014; the scaling is the "inverted" one of their section 10.
    """
    return forward_saving(x, p, key, out=out, backend=backend)[0]


def forward_saving(
    x: Array, p: float, key: DropoutKey, *, out: Array | None = None, backend: str | None = None
) -> tuple[Array, DropoutSaved]:
    r"""Switch off each unit with probability p, and keep the mask.

    Parameters
    ----------
    x : ndarray of shape (N, ...)
        Input.
    p : float
        The probability of dropping a unit; 0 <= p < 1.
    key : DropoutKey
        Key of the masks, with one sample number for each of the N samples.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    y : ndarray of the shape of `x`
        Output, as from `forward`.
    saved : DropoutSaved
        For `backward_input`.

    Raises
    ------
    ArgumentError
        If p is outside [0, 1).
    ShapeError
        If the key does not name N samples.
    DtypeError
        If `x` is neither float32 nor float64.

    Notes
    -----
    .. math:: y = m\, x / (1 - p)

    References
    ----------
    Srivastava et al., 2014; the scaling is the "inverted" one of their section 10.
    """
    what = "dropout.forward"
    check(what, "x", x)
    _check(what, x.shape, p, key)
    to = Destination(what, out, x.shape, x.dtype, x)
    if p == 0:
        return put(x, out), DropoutSaved(None, p)
    telling = pick("dropout", backend)
    kept = telling.mask(x.shape, p, key)
    return to.result(telling.scale(x, kept, p, to.place)), DropoutSaved(kept, p)


def backward_input(
    grad_y: Array, saved: DropoutSaved, *, out: Array | None = None, backend: str | None = None
) -> Array:
    r"""Gradient of the loss with respect to the input.

    A unit that was off did not affect the output and gets no gradient; the scale of the others is
    that of the forward pass.

    Parameters
    ----------
    grad_y : ndarray of shape (N, ...)
        dL/dy.
    saved : DropoutSaved
        From `forward_saving`.
    out : ndarray, optional
        Receives the result; see ``clearconv.ops``.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Returns
    -------
    grad_x : ndarray of the shape of `grad_y`
        Same dtype as `grad_y`; for p = 0 `grad_y` itself.

    Raises
    ------
    ShapeError
        If `grad_y` does not have the shape of the forward pass.
    DtypeError
        If `grad_y` is neither float32 nor float64.

    Notes
    -----
    .. math:: dx = m\, dy / (1 - p)

    References
    ----------
    Srivastava et al., 2014.
    """
    what = "dropout.backward_input"
    check(what, "grad_y", grad_y)
    to = Destination(what, out, grad_y.shape, grad_y.dtype, grad_y, saved.mask)
    if saved.mask is None:
        return put(grad_y, out)
    expect(what, "grad_y", grad_y, saved.mask.shape, "the shape of the forward pass's output")
    return to.result(pick("dropout", backend).scale(grad_y, saved.mask, saved.p, to.place))


def _check(what: str, shape: tuple[int, ...], p: float, key: DropoutKey) -> None:
    if not 0 <= p < 1:
        raise ArgumentError(
            f"{what}: p is {p}, but 0 <= p < 1 is needed: it is the probability of dropping a "
            "unit, not of keeping it."
        )
    if not shape or len(key.samples) != shape[0]:
        raise ShapeError(
            f"{what}: the key names {len(key.samples)} samples, but the shape is {tuple(shape)}: "
            "one sample number is needed for each item of the first axis."
        )
    fits(what, "x", shape, 1)
