"""Compare a hand-written gradient with the definition of a derivative."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.layers.base.arguments import count, is_number
from clearconv.layers.base.node import Node
from clearconv.layers.base.tape import Context

Backward = Callable[[Array], dict[str, Array]]
#: Takes the inputs by name; returns y and a function from grad_y to each input's gradient.
Function = Callable[[dict[str, Array]], tuple[Array, Backward]]

#: Distance of a nearby point: up to this share of an array's root mean square.
_ASIDE = 0.01
#: A kink within the step looks like one at the point itself; a smaller step does not reach it.
_STEPS = (1.0, 0.1, 0.01)
#: Number of directions drawn at a nearby point for each that is to be judged there.
_DRAWS = 3


@dataclass(frozen=True)
class GradientCheck:
    """The result of a gradient check.

    Attributes
    ----------
    errors : dict
        Name of the input or parameter -> largest relative error over all directions; NaN if no
        direction could be judged.
    tolerance : float
        Largest error that counts as correct.
    directions : int
        Number of directions along which each gradient was checked.
    kinks : dict
        Name -> number of directions with a kink at the given point, which were judged nearby.
    """

    errors: dict[str, float]
    tolerance: float
    directions: int = 0
    kinks: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every gradient is correct."""
        return all(error <= self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        """List the gradients, those not judged first, then the worst."""
        lines = []
        for name, error in sorted(
            self.errors.items(), key=lambda item: -np.nan_to_num(item[1], nan=np.inf)
        ):
            kinks = self.kinks.get(name, 0)
            at = f"{kinks} of {self.directions} directions at a kink" if kinks else ""
            if np.isnan(error):
                lines.append(f"not judged  {name}: {at}, and nearby at others")
                continue
            verdict = "right" if error <= self.tolerance else "WRONG"
            lines.append(f"{verdict}  {name}: relative error {error:.1e}{at and f' ({at})'}")
        if self.kinks:
            lines.append(
                "At a kink there are two slopes, and a gradient is neither wrong nor right. Those "
                "directions were\njudged near the given point: every number moved at random, by "
                f"up to {_ASIDE:.0%} of its array's root mean square."
            )
        return "\n".join(lines)


def gradient_check(
    function: Node | Function,
    inputs: Array | dict[str, Array],
    *,
    training: bool = True,
    directions: int = 5,
    step: float = 1e-6,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> GradientCheck:
    r"""Check every gradient of a layer, model or function by central differences.

    For random directions d and a random output gradient g, the slope of :math:`L = \sum g\,y`
    along d must be what the backward pass says: :math:`(L(v+hd) - L(v-hd)) / 2h = \sum dL/dv\; d`.
    The worst direction counts, not the mean. Random g and d are essential: with an all-ones
    gradient many mistakes give the correct numbers.

    Parameters
    ----------
    function : Node or callable
        A built layer or model in float64; or ``f(inputs) -> (y, backward)`` with
        ``backward(grad_y) -> {name: gradient}``.
    inputs : ndarray or dict
        x for a layer or model; the arrays by name for a function. float64.
    training : bool
        Mode of a layer or model. Dropout draws the same mask each time.
    directions : int
        Number of directions along which a gradient is checked; at least 1.
    step : float
        h. If a gradient looks wrong, h / 10 and h / 100 are also tried: a kink within h of the
        inputs (ReLU, max) is then out of reach, while a wrong gradient stays wrong.
    tolerance : float
        Largest relative error that counts as correct.
    seed : int
        Seed of the directions.

    Returns
    -------
    GradientCheck
        ``ok``, the error of each gradient, and a text with ``print``.

    Raises
    ------
    DtypeError
        If anything is float32, where rounding hides mistakes.
    ShapeError
        If a gradient's name or shape differs from that of its input or parameter.
    ArgumentError
        If nothing would be checked: no directions, no step, no gradients.

    Notes
    -----
    ReLU and max have kinks, and real pictures lie on them: black margins make zeros, saturated
    areas make ties. At a kink the slopes on both sides differ at any h, and no gradient agrees
    with both. Such a direction is judged near the given point, where random moves have broken
    zeros and ties; the result says how many there were. A mistake that shows only at ties, such as
    a max that passes its gradient on to each of two equal inputs, shows along two more directions,
    in which ties stay ties: all numbers grow by the same amount, or by the same factor. The slope
    of a ReLU at 0 is a convention and is not judged. If every direction also ends at a kink near
    the point, the gradient is not judged, and ``ok`` is false.

    An error is relative to the size of the gradient along the direction or, if that is almost
    zero, to the effect of rounding alone. A model's parameters and running statistics are restored
    afterwards.

    Examples
    --------
    >>> import numpy as np, clearconv
    >>> layer = clearconv.Conv2d(2, 3, stride=2).build((3, 7, 6), dtype="float64")
    >>> x = np.random.default_rng(0).standard_normal((2, 3, 7, 6))
    >>> clearconv.gradient_check(layer, x).ok
    True
    """
    count("gradient_check", "directions", directions)
    for name, value in (("step", step), ("tolerance", tolerance)):
        if not (is_number(value) and 0 < value < np.inf):
            raise ArgumentError(
                f"gradient_check: {name}={value!r}, but a number above 0 is needed. Leave it out: "
                "the default suits most functions."
            )
    if not isinstance(function, Node):
        arrays = dict(inputs) if isinstance(inputs, dict) else {"x": inputs}
        return _check(function, arrays, directions, step, tolerance, seed)
    if isinstance(inputs, dict):
        raise ArgumentError(
            "gradient_check: a layer or model takes one array as inputs, not a dict."
        )
    state = function.state_dict()
    arrays = {"x": inputs, **{path: state[path] for path in function.parameters}}
    try:
        run = _of_model(function, state, training)
        return _check(run, arrays, directions, step, tolerance, seed)
    finally:
        function.load_state_dict(state)


def _check(
    function: Function,
    inputs: dict[str, Array],
    directions: int,
    step: float,
    tolerance: float,
    seed: int,
) -> GradientCheck:
    for name, array in inputs.items():
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise DtypeError(
                f"gradient_check: {name} is {getattr(array, 'dtype', type(array).__name__)}, but a "
                "float64 array is needed: in float32 rounding hides mistakes. Build the model with "
                "dtype='float64'."
            )

    rng = np.random.default_rng(seed)
    here = _Point(function, inputs, rng, step, tolerance)
    if not here.grads:
        raise ArgumentError(
            "gradient_check: backward returned no gradient, so there is nothing to check. Return "
            "a dict of each input's name and its gradient."
        )
    errors: dict[str, float] = {}
    kinks: dict[str, int] = {}
    for name, grad in here.grads.items():
        if name not in inputs or grad.shape != inputs[name].shape:
            wanted = {key: array.shape for key, array in inputs.items()}
            raise ShapeError(
                f"gradient_check: backward returned a gradient {name!r} of shape {grad.shape}, but "
                f"the inputs are {wanted}. It must have the name and shape of its parameter."
            )
        if not np.isfinite(grad).all():
            errors[name] = np.inf
            continue
        ways = (rng.standard_normal(grad.shape) for _ in range(directions))
        found = [here.along(name, way) for way in ways]
        bad = [error for error, _ in found if error > tolerance]
        # the bends of many kinks may cancel along one direction, but hardly along every one
        if any(error > tolerance and bend > tolerance for error, bend in found):
            kinks[name] = len(bad)
            found = [one for one in found if one[0] <= tolerance]
        errors[name] = max((error for error, _ in found), default=np.nan)
    if kinks:
        rng = np.random.default_rng((seed, 1))
        beside = _Point(function, _moved(inputs, rng), rng, step, tolerance)
        for name, number in kinks.items():
            seen = [beside.worst(name, number, rng), errors[name]]
            for way in (np.ones(inputs[name].shape), inputs[name]):
                error, bend = here.along(name, way)
                seen += [error] if error > tolerance >= bend else []
            errors[name] = float(np.fmax.reduce(seen))
    return GradientCheck(errors, tolerance, directions, kinks)


class _Point:
    """A function and its gradients at one point; rng draws the gradient of its output."""

    def __init__(
        self,
        function: Function,
        inputs: dict[str, Array],
        rng: np.random.Generator,
        step: float,
        tolerance: float,
    ) -> None:
        self.function, self.inputs, self.step, self.tolerance = function, inputs, step, tolerance
        y, backward = self._run()
        self.grad_y = rng.standard_normal(y.shape)
        self.loss, terms = float(np.sum(y * self.grad_y)), float(np.sum(np.abs(self.grad_y * y)))
        self.rounding = 10 * np.finfo(float).eps * terms
        self.grads = {n: np.array(grad) for n, grad in backward(self.grad_y.copy()).items()}

    def _run(self, moved: str = "", by: Array | float = 0.0) -> tuple[Array, Backward]:
        copies = {name: array.copy() for name, array in self.inputs.items()}  # it may write
        if moved:
            copies[moved] += by
        return self.function(copies)

    def along(self, name: str, way: Array) -> tuple[float, float]:
        """Return a gradient's error along a direction, and by how much the slope changes there."""
        analytic = float(np.sum(self.grads[name] * way))
        # the terms of `analytic` may cancel: measure against their size, not against their sum
        terms = float(np.linalg.norm(self.grads[name] * way))
        error = bend = np.inf
        for h in (self.step * share for share in _STEPS):
            up, down = (float(np.sum(self._run(name, s * way)[0] * self.grad_y)) for s in (h, -h))
            numeric = (up - down) / (2 * h)
            # rounding alone must never exceed the tolerance
            least = max(self.rounding / h / self.tolerance, np.finfo(float).tiny)
            size = max(abs(numeric), abs(analytic), terms, least)
            error = abs(numeric - analytic) / size
            bend = abs(up - 2 * self.loss + down) / h / size
            if not np.isfinite(error):
                return np.inf, 0.0
            if error <= self.tolerance:
                break
        return error, bend

    def worst(self, name: str, number: int, rng: np.random.Generator) -> float:
        """Return the largest error along directions without a kink; NaN if there are none."""
        grad = self.grads.get(name)
        if grad is None or grad.shape != self.inputs[name].shape or not np.isfinite(grad).all():
            return np.inf
        judged: list[float] = []
        for _ in range(number * _DRAWS):
            error, bend = self.along(name, rng.standard_normal(grad.shape))
            if min(error, bend) <= self.tolerance:
                judged.append(error)
            if len(judged) == number:
                break
        return max(judged, default=np.nan)


def _moved(inputs: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Move every number a little; an array of zeros moves like an array of ones."""
    moved = {}
    for name, array in inputs.items():
        size = float(np.sqrt(np.mean(array**2))) if array.size else 0.0
        moved[name] = array + _ASIDE * (size or 1.0) * rng.uniform(-1, 1, array.shape)
    return moved


def _of_model(model: Node, state: dict[str, Array], training: bool) -> Function:
    """Treat a model as a function of x and its parameters, with the same running statistics."""
    context = Context(training=training)

    def run(arrays: dict[str, Array]) -> tuple[Array, Backward]:
        model.load_state_dict({**state, **{k: v for k, v in arrays.items() if k != "x"}})
        y = model.forward(arrays["x"], keep="backward", context=context)

        def backward(grad_y: Array) -> dict[str, Array]:
            grad_x = model.backward(grad_y)
            assert grad_x is not None
            return {"x": grad_x, **model.gradients}

        return y, backward

    return run
