"""Initial values of parameters."""

from collections.abc import Callable

import numpy as np

from clearconv.errors import ArgumentError
from clearconv.ops._arrays import Array

#: "he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article", or the standard deviation of a
#: normal distribution.
Init = str | float
Maker = Callable[[np.random.Generator], Array]


def initial(init: Init, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Maker:
    r"""Return a function that draws initial weights from a generator.

    Parameters
    ----------
    init : {"he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article"} or float
        - "he": normal, :math:`\sigma = \sqrt{2 / fan_{in}}` (He et al., 2015), which keeps the
          variance through ReLUs. For a k x k kernel over c channels that is Paddle's
          sqrt(2 / (k² c)).
        - "he_fan_out": normal, :math:`\sigma = \sqrt{2 / fan_{out}}`, which keeps the variance of
          the gradients on their way back instead (ibid., section 2.2).
        - "he_uniform": uniform within :math:`\pm\sqrt{6 / fan_{in}}`, the deviation of "he".
        - "xavier": uniform within :math:`\pm\sqrt{6 / (fan_{in} + fan_{out})}` (Glorot and
          Bengio, 2010), for tanh and sigmoid.
        - "pytorch": uniform within :math:`\pm 1 / \sqrt{fan_{in}}`, as PyTorch's ``Linear``.
        - "article": uniform within ±1e-4, as in the article's ``Filter``.
        - a number: normal with that standard deviation.
    shape : tuple of int
        Of the array.
    fan_in, fan_out : int
        How many inputs feed one output, and outputs one input.

    Raises
    ------
    ArgumentError
        If `init` is none of these.
    """
    if isinstance(init, (int, float)) and not isinstance(init, bool) and init >= 0:
        return lambda rng: rng.normal(0.0, init, shape)
    if init == "he":
        return lambda rng: rng.normal(0.0, np.sqrt(2 / fan_in), shape)
    if init == "he_fan_out":
        return lambda rng: rng.normal(0.0, np.sqrt(2 / fan_out), shape)
    bounds = {
        "he_uniform": np.sqrt(6 / fan_in),
        "xavier": np.sqrt(6 / (fan_in + fan_out)),
        "pytorch": np.sqrt(1 / fan_in),
        "article": 1e-4,
    }
    if isinstance(init, str) and init in bounds:
        return lambda rng: rng.uniform(-bounds[init], bounds[init], shape)
    raise ArgumentError(
        f"init={init!r}, but it must be 'he', 'he_fan_out', {', '.join(map(repr, bounds))}, or the "
        "standard deviation of a normal distribution, such as 0.01."
    )


def constant(value: float, shape: tuple[int, ...]) -> Maker:
    """Return a function that gives an array of one value (biases 0, scales 1)."""
    return lambda rng: np.full(shape, value)
