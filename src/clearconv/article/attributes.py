"""PaddlePaddle's attributes: a parameter's initial values, and a layer's extra operations."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import is_number
from clearconv.layers.base.numbers.initial import Init

# Attributes of a parameter that PaddlePaddle has and clearconv has not, with the remedy.
_ELSEWHERE = {
    "name": "Parameters are named after their layer: pass name= to the layer itself. Two layers "
    "cannot share one.",
    "is_static": "Freeze the first layers of a built model with model.freeze(...).",
    "l1_rate": "There is no L1 decay.",
    "l2_rate": "Weight decay is the optimiser's: SGD(model, lr=..., weight_decay=...).",
    "learning_rate": "All parameters use the optimiser's learning rate.",
    "momentum": "Momentum is the optimiser's: SGD(model, lr=..., momentum=...).",
    "gradient_clipping_threshold": "Gradients are not clipped.",
    "sparse_update": "All of a parameter is updated.",
    "update_hooks": "Nothing runs between gradient and update.",
    "initializer": "After build, write the initial values into model.parameters[path].",
}


@dataclass(frozen=True)
class ParamAttr:
    """Initial values of a layer's weights or biases, like PaddlePaddle's ``ParameterAttribute``.

    `initial_mean` or `initial_std` choose a normal distribution; if only one is given, the mean is
    0 or the deviation 0.01. `initial_min` and `initial_max` choose a uniform one. With none of them
    weights start as described in ``img_conv_layer``, and biases at 0.

    Attributes
    ----------
    name, is_static, l1_rate, l2_rate, learning_rate, momentum, gradient_clipping_threshold, \
sparse_update, update_hooks, initializer
        Only the defaults are supported, and a learning rate of 1; anything else is refused with a
        remedy.
    initial_std, initial_mean : float, optional
        Deviation and mean of a normal distribution.
    initial_max, initial_min : float, optional
        Ends of a uniform distribution; both are needed.
    """

    name: str | None = None
    is_static: bool = False
    initial_std: float | None = None
    initial_mean: float | None = None
    initial_max: float | None = None
    initial_min: float | None = None
    l1_rate: float | None = None
    l2_rate: float | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    gradient_clipping_threshold: float | None = None
    sparse_update: bool = False
    update_hooks: Any = None
    initializer: Any = None

    def __post_init__(self) -> None:
        """Refuse unsupported attributes, and numbers that do not define a distribution."""
        for key, remedy in _ELSEWHERE.items():
            value = getattr(self, key)
            if value is not None and value is not False and (key, value) != ("learning_rate", 1):
                raise ArgumentError(f"ParamAttr: {key}={value!r} is not supported. {remedy}")
        normal = self._given("initial_mean", "initial_std")
        even = self._given("initial_min", "initial_max")
        if normal and even:
            said = ", ".join(f"{name}={value!r}" for name, value in (normal | even).items())
            raise ArgumentError(
                f"ParamAttr: {said} define two distributions. Give mean and deviation, or min and "
                "max."
            )
        if len(even) == 1 or (even and not even["initial_min"] < even["initial_max"]):
            raise ArgumentError(
                f"ParamAttr: initial_min={self.initial_min!r}, initial_max={self.initial_max!r}, "
                "but both ends are needed, the lower one in initial_min."
            )
        if normal.get("initial_std", 0) < 0:
            raise ArgumentError(
                f"ParamAttr: initial_std={self.initial_std!r}, but a deviation is at least 0."
            )

    @property
    def init(self) -> Init | None:
        """The distribution, for ``Conv2d(init=...)``; None if nothing is given."""
        if self.initial_min is not None and self.initial_max is not None:
            return ("uniform", self.initial_min, self.initial_max)
        if self.initial_mean is None and self.initial_std is None:
            return None
        deviation = 0.01 if self.initial_std is None else self.initial_std
        return ("normal", self.initial_mean or 0.0, deviation)

    def _given(self, *names: str) -> dict[str, float]:
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        for name, value in given.items():
            if not is_number(value) or not isfinite(value):
                raise ArgumentError(f"ParamAttr: {name}={value!r}, but a number is needed.")
        return given


@dataclass(frozen=True)
class ExtraAttr:
    """Extra operations of a layer, like PaddlePaddle's ``ExtraLayerAttribute``.

    Attributes
    ----------
    error_clipping_threshold : float, optional
        Not supported.
    drop_rate : float, optional
        Probability of dropping each number of the layer's result in training.
    device : int, optional
        Only -1, the CPU, is supported.
    """

    error_clipping_threshold: float | None = None
    drop_rate: float | None = None
    device: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is not supported."""
        if self.error_clipping_threshold is not None:
            raise ArgumentError(
                f"ExtraAttr: error_clipping_threshold={self.error_clipping_threshold!r} is not "
                "supported: gradients are not clipped."
            )
        if self.device not in (None, -1):
            raise ArgumentError(
                f"ExtraAttr: device={self.device!r}, but clearconv computes on the CPU. Leave "
                "device out."
            )
        rate = self.drop_rate
        if rate is not None and not (is_number(rate) and 0 <= rate < 1):
            raise ArgumentError(
                f"ExtraAttr: drop_rate={rate!r}, but a probability is needed, 0 <= drop_rate < 1."
            )


#: PaddlePaddle's longer names.
ParameterAttribute = ParamAttr
ExtraLayerAttribute = ExtraAttr
