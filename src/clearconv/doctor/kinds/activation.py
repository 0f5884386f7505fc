"""ReLU and the sigmoid, and how they go wrong: plain, with their mistakes as switches."""

from collections.abc import Mapping

import numpy as np

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits
from clearconv.doctor.kinds._numbers import draw
from clearconv.doctor.kinds._passes import doubled, through
from clearconv.doctor.kinds._windows import Array
from clearconv.doctor.kinds._words import slips as words


def compute_relu(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of ReLU."""
    x, grad_y = case.arrays["x"], case.arrays["grad_y"]
    at_zero = {"0": 0.0, "1": 1.0, "half": 0.5}[conventions.get("at-zero", "0")]
    passes = {
        "y": lambda: _relu(x, slips),
        "grad_x": lambda: _relu_back(grad_y, x, at_zero, slips),
    }
    results = through(passes, slips)
    return results | doubled(results, ("grad_x",) if "not-cleared" in slips else ())


def _relu(x: Array, slips: frozenset[str]) -> Array:
    """Negative numbers become 0."""
    if "forward-minimum" in slips:
        return np.minimum(x, 0.0)
    if "forward-absolute" in slips:
        return np.abs(x)
    if "forward-mask" in slips:
        return 1.0 * (x > 0)
    if "forward-leaks" in slips:
        return np.where(x > 0, x, 0.01 * x)
    return np.maximum(x, 0.0)


def _relu_back(grad_y: Array, x: Array, at_zero: float, slips: frozenset[str]) -> Array:
    """The gradient passes where the input was positive."""
    mask = np.where(x == 0, at_zero, x > 0)
    if "mask-of-the-gradient" in slips:
        mask = 1.0 * (grad_y > 0)
    if "mask-twice" in slips:
        mask = mask * (grad_y > 0)
    if "mask-inverted" in slips:
        mask = 1 - mask
    if "no-mask" in slips:
        mask = np.ones_like(mask)
    if "times-the-input" in slips:
        mask = mask * x
    return mask if "derivative-alone" in slips else mask * grad_y


def compute_sigmoid(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run both passes of the sigmoid."""
    x, grad_y = case.arrays["x"], case.arrays["grad_y"]
    passes = {
        "y": lambda: _sigmoid(x, slips),
        "grad_x": lambda: _sigmoid_back(grad_y, x, slips),
    }
    results = through(passes, slips)
    return results | doubled(results, ("grad_x",) if "not-cleared" in slips else ())


def _sigmoid(x: Array, slips: frozenset[str]) -> Array:
    """Squeeze every number into 0 to 1."""
    if "forward-sign" in slips:
        x = -x
    if "overflow" in slips:
        return np.exp(x) / (1 + np.exp(x))
    return 1 / (1 + np.exp(-x))


def _sigmoid_back(grad_y: Array, x: Array, slips: frozenset[str]) -> Array:
    """The slope is y (1 - y), computed from the output."""
    y = _sigmoid(x, frozenset())
    if "of-the-input" in slips:
        y = x
    if "twice" in slips:
        y = _sigmoid(y, frozenset())
    slope = y * (1 - y)
    if "half-the-slope" in slips:
        slope = y
    if "other-half-of-the-slope" in slips:
        slope = 1 - y
    if "slope-sign" in slips:
        slope = y * (1 + y)
    if "slope-of-tanh" in slips:
        slope = 1 - y * y
    if "no-slope" in slips:
        slope = np.ones_like(y)
    return slope if "derivative-alone" in slips else slope * grad_y


_SHAPES = (
    ("a matrix", (3, 4)),
    ("images, some inputs exactly 0", (2, 3, 2, 3)),
    ("one image", (1, 2, 3, 4)),
    ("large numbers", (2, 5)),
)
_SMALL = (("one number", (1, 1)), ("four numbers", (2, 2)), ("a zero among them", (2, 3)))


def _cases(
    kind: str, shapes: tuple[tuple[str, tuple[int, ...]], ...], limits: Limits, whole: bool
) -> list[Case]:
    cases: dict[tuple[int, ...], Case] = {}
    for name, wanted in shapes:
        rank = limits.rank or len(wanted)
        shape = (wanted * rank)[:rank]
        shape = shape if limits.batch else (1, *shape[1:])
        arrays = draw(f"{kind} {name}", {"x": shape, "grad_y": shape}, whole)
        if "0" in name or "zero" in name:
            arrays["x"].flat[::4] = 0.0
        if "large" in name:
            arrays["x"] = arrays["x"] * 1000
        cases[(*shape, len(cases))] = Case(name, arrays, {})
    return list(cases.values())


RELU = Kind(
    name="relu",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("relu"),
    conventions=(
        Convention(
            "at-zero",
            "the derivative where the input is exactly 0",
            {"0": "it is taken as 0", "1": "it is taken as 1", "half": "it is taken as 1/2"},
            ("grad_x",),
        ),
    ),
    make_cases=lambda limits: _cases("relu", _SHAPES, limits, whole=False),
    make_small=lambda limits: _cases("relu", _SMALL, limits, whole=True),
    compute=compute_relu,
)

SIGMOID = Kind(
    name="sigmoid",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("sigmoid"),
    conventions=(),
    make_cases=lambda limits: _cases("sigmoid", _SHAPES, limits, whole=False),
    make_small=lambda limits: _cases("sigmoid", _SMALL + _SHAPES[-1:], limits, whole=True),
    compute=compute_sigmoid,
)
