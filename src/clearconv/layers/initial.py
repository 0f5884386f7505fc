"""Initial values of parameters."""

from collections.abc import Callable

import numpy as np

from clearconv.errors import ArgumentError
from clearconv.ops._arrays import Array

#: "he", "xavier", "article", or the standard deviation of a normal distribution.
Init = str | float
Maker = Callable[[np.random.Generator], Array]


def initial(init: Init, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Maker:
    r"""Return a function that draws initial weights from a generator.

    Parameters
    ----------
    init : {"he", "xavier", "article"} or float
        - "he": normal, :math:`\sigma = \sqrt{2 / fan_{in}}` (He et al., 2015), which keeps the
          variance through ReLUs. For a k x k kernel over c channels that is Paddle's
          sqrt(2 / (k² c)).
        - "xavier": uniform within :math:`\pm\sqrt{6 / (fan_{in} + fan_{out})}` (Glorot and
          Bengio, 2010), for tanh and sigmoid.
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
    if init == "xavier":
        bound = np.sqrt(6 / (fan_in + fan_out))
        return lambda rng: rng.uniform(-bound, bound, shape)
    if init == "article":
        return lambda rng: rng.uniform(-1e-4, 1e-4, shape)
    raise ArgumentError(
        f"init={init!r}, but it must be 'he', 'xavier', 'article', or the standard deviation of a "
        "normal distribution, such as 0.01."
    )


def constant(value: float, shape: tuple[int, ...]) -> Maker:
    """Return a function that gives an array of one value (biases 0, scales 1)."""
    return lambda rng: np.full(shape, value)
