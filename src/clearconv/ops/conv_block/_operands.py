"""Values that are not computed yet: what lies between two convolutions, as its ingredients.

A convolution reads every number of its input several times, but first copies it into a strip that
stays in cache. A step that works on each number by itself (normalise, ReLU, a gate of its gradient)
costs almost nothing during that copy, and the array in between need never be written to memory.
Each class here is such a step.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.arrays import Array
from clearconv.ops import activation, batch_norm2d, max_pool2d
from clearconv.ops.batch_norm2d.sums import slopes
from clearconv.ops.geometry.cached import cached
from clearconv.ops.geometry.window import Window
from clearconv.ops.tellings import pick

#: Numbers of the kinds in the compiled kernels.
_NORMALISED, _GATED, _GRADIENT, _UNPOOLED = 1, 2, 3, 4


def pick_for(batch: "Array | Normalised", backend: str | None) -> Any:
    """Pick the telling; the compiled one takes no empty batch, so that the matrix one does."""
    return pick("conv_block", backend if batch.shape[0] else "matrix")


def rectified(x: Array, ceiling: float, backend: str) -> Array:
    """ReLU, cut off at `ceiling`."""
    y = activation.forward(x, "relu", backend=backend)
    return y if ceiling == np.inf else np.minimum(y, y.dtype.type(ceiling))


def channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (N, C, H, W) with channels that adjoin in memory; a copy only if they do not."""
    adjoin = array.shape[1] == 1 or array.strides[1] == array.itemsize
    if adjoin and array.flags.aligned:
        return array
    return array.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)


def direct(into: Array | None) -> Array | None:
    """Return the array if kernels can write into it, else None."""
    return into if into is not None and into is channels_last(into) else None


@dataclass(frozen=True, eq=False)
class Normalised:
    """Batch norm of `x`, optionally then ReLU: f(weight (x - mean) / sqrt(var + eps) + bias).

    Attributes
    ----------
    x : ndarray of shape (N, C, H, W)
        Result of the convolution.
    weight, bias : ndarray of shape (C,)
        Scale and shift.
    statistics : BatchNormSaved
        Mean and variance, of the batch or fixed.
    relu : bool
        Whether ReLU follows.
    ceiling : float
        Largest value that ReLU lets through: 6 makes it ReLU6.
    """

    x: Array
    weight: Array
    bias: Array
    statistics: batch_norm2d.BatchNormSaved
    relu: bool
    ceiling: float = np.inf

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array once computed."""
        return self.x.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array once computed."""
        return self.x.dtype

    def compose(self, backend: str) -> Array:
        """Compute it, each step in the chapter that describes it."""
        known = self.statistics
        y = batch_norm2d.forward(
            self.x, self.weight, self.bias, known.mean, known.var, known.eps, backend=backend
        )
        return rectified(y, self.ceiling, backend) if self.relu else y

    def array(self, backend: str | None = None) -> Array:
        """Compute it.

        Parameters
        ----------
        backend : {"loops", "matrix", "native"}, optional
            The telling that runs.

        Returns
        -------
        ndarray of shape (N, C, H, W)
        """
        return pick_for(self, backend).computed(self)

    @cached
    def coefficients(self) -> tuple[Array, Array, Array, Array]:
        """Centre, scale, shift and what the centre leaves of the mean.

        f((x - centre) scale + shift): x and the centre are both in the array's dtype and close to
        each other, so their difference is exact even where the mean dwarfs the deviation.
        """
        known = self.statistics
        centre = known.mean.astype(self.dtype)
        rest = known.mean - centre
        scale = self.weight / np.sqrt(known.var + known.eps)
        return centre, scale, self.bias - rest * scale, rest

    @cached
    def operand(self) -> tuple[Any, ...]:
        """Data as the compiled kernels read it."""
        numbers = np.array(self.coefficients[:3], self.dtype)  # (3, C)
        ceiling = self.ceiling if self.relu else None
        return _NORMALISED, channels_last(self.x), None, None, ceiling, numbers


def part_of(normal: Normalised, z: Array) -> Normalised:
    """Return a value like this one, over some of its images."""
    return normal if z is normal.x else replace(normal, x=z)


@dataclass(frozen=True, eq=False)
class Gated:
    """The gradient after a ReLU, taken back: `grad_y` where 0 < `y` < `ceiling`, else 0."""

    grad_y: Array
    y: Array
    ceiling: float = np.inf

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array once computed."""
        return self.y.shape

    def compose(self, backend: str) -> Array:
        """Compute it, each step in the chapter that describes it."""
        y = self.y if self.ceiling == np.inf else np.where(self.y < self.ceiling, self.y, 0)
        saved = activation.ActivationSaved("relu", 0.0, y)
        return activation.backward_input(self.grad_y, saved, backend=backend)

    @cached
    def operand(self) -> tuple[Any, ...]:
        """Data as the compiled kernels read it."""
        y = channels_last(self.y)
        return _GATED, channels_last(self.grad_y), y, None, self.ceiling, None


@dataclass(frozen=True, eq=False)
class Unpooled:
    """The gradient after a 2x2 max pooling, taken back: `grad_y` at each window's winner, else 0.

    Attributes
    ----------
    grad_y : ndarray of shape (N, C, H // 2, W // 2)
        dL/dy.
    winner : ndarray of uint8, of the same shape
        0 to 3, row by row; 4 where ReLU let nothing through.
    shape : tuple of int
        (N, C, H, W).
    """

    grad_y: Array
    winner: npt.NDArray[np.uint8]
    shape: tuple[int, ...]

    def compose(self, backend: str) -> Array:
        """Compute it, each step in the chapter that describes it."""
        N, C, H, W = self.shape
        shut = self.winner == 4
        window = Window.of("conv_block", (H, W), 2, 2)
        saved = max_pool2d.MaxPoolSaved(self.shape, window, np.where(shut, 0, self.winner))
        open_gradient = np.where(shut, self.grad_y.dtype.type(0), self.grad_y)
        return max_pool2d.backward_input(open_gradient, saved, backend=backend)

    @cached
    def operand(self) -> tuple[Any, ...]:
        """Data as the compiled kernels read it."""
        winner = channels_last(self.winner)
        return _UNPOOLED, channels_last(self.grad_y), None, winner, None, self.shape[2:]


@dataclass(frozen=True, eq=False)
class NormGradient:
    """The gradient after batch norm (and ReLU), taken back through it.

    Attributes
    ----------
    grad_y : ndarray of shape (N, C, H, W)
        Gradient of the array of `normalised`.
    normalised : Normalised
        Record of the forward pass.
    sums : float64 ndarray of shape (2, C)
        Sums over the batch of g, which is grad_y after ReLU's gate, and of g (x - centre).
    """

    grad_y: Array
    normalised: Normalised
    sums: Array

    @cached
    def parameters(self) -> tuple[Array, Array]:
        """Gradients of batch norm's scale and shift, in float64."""
        known, centre = self.normalised.statistics, self.normalised.coefficients[0]
        return slopes(self.sums, known.mean, known.var, known.eps, centre)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array once computed."""
        return self.normalised.shape

    def compose(self, backend: str) -> Array:
        """Compute it, each step in the chapter that describes it."""
        grad = self.grad_y
        if self.normalised.relu:
            y = self.normalised.compose(backend)
            grad = Gated(grad, y, self.normalised.ceiling).compose(backend)
        return batch_norm2d.backward(
            grad,
            self.normalised.weight,
            self.normalised.statistics,
            sums=self.sums,
            backend=backend,
        )[0]

    @cached
    def operand(self) -> tuple[Any, ...]:
        """Data as the compiled kernels read it: a g + b (x - centre) + d for each channel."""
        normal = self.normalised
        centre, a, shift, rest = normal.coefficients
        known = normal.statistics
        b = d = np.zeros_like(rest)
        if not known.fixed:  # what the paths through mean and variance subtract
            grad_weight, grad_bias = self.parameters
            through_mean, through_var = grad_bias / known.count, grad_weight / known.count
            b = -a * through_var / np.sqrt(known.var + known.eps)
            d = -a * through_mean - b * rest
        numbers = np.array([centre, a, shift, a, b, d], normal.dtype)  # (6, C)
        x, z = channels_last(self.grad_y), channels_last(normal.x)
        return _GRADIENT, x, z, None, normal.ceiling if normal.relu else None, numbers
