"""Initial values of parameters."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import is_number

#: "he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article", the standard deviation of a
#: normal distribution, or a distribution with its two numbers: ("normal", mean, deviation) or
#: ("uniform", low, high).
Init = str | float | tuple[str, float, float]
Maker = Callable[[np.random.Generator], Array]


def initial(init: Init, shape: tuple[int, ...], fan_in: float, fan_out: float) -> Maker:
    r"""Return a function that draws initial weights from a generator.

    Parameters
    ----------
    init : {"he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article"}, float or tuple
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
        - ("normal", mean, deviation), ("uniform", low, high): these distributions.
    shape : tuple of int
        Shape of the array.
    fan_in, fan_out : int
        Number of inputs that feed one output, and of outputs that one input feeds.

    Raises
    ------
    ArgumentError
        If `init` is none of these.
    """
    bounds = {
        "he_uniform": np.sqrt(6 / fan_in),
        "xavier": np.sqrt(6 / (fan_in + fan_out)),
        "pytorch": np.sqrt(1 / fan_in),
        "article": 1e-4,
    }
    given: Any = ("normal", 0.0, init) if is_number(init) else init
    if given == "he":
        given = ("normal", 0.0, np.sqrt(2 / fan_in))
    elif given == "he_fan_out":
        given = ("normal", 0.0, np.sqrt(2 / fan_out))
    elif isinstance(given, str) and given in bounds:
        given = ("uniform", -bounds[given], bounds[given])
    kind, first, second = given if _is_distribution(given) else (None, 0.0, 0.0)
    if kind == "normal" and second >= 0:
        return lambda rng: rng.normal(first, second, shape)
    if kind == "uniform" and first <= second:
        return lambda rng: rng.uniform(first, second, shape)
    raise ArgumentError(
        f"init={init!r}, but it must be 'he', 'he_fan_out', {', '.join(map(repr, bounds))}, the "
        "standard deviation of a normal distribution, such as 0.01, ('normal', mean, deviation) or "
        "('uniform', low, high)."
    )


def _is_distribution(given: Any) -> bool:
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return False
    return all(is_number(number) and isfinite(number) for number in given[1:])


def constant(value: float, shape: tuple[int, ...]) -> Maker:
    """Return a function that fills an array with one value (biases 0, scales 1)."""
    return lambda rng: np.full(shape, value)
