"""Compare a hand-written gradient with the definition of a derivative."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.layers._layer import count, is_number
from clearconv.layers._node import Node
from clearconv.layers._tape import Context
from clearconv.ops._arrays import Array

Backward = Callable[[Array], dict[str, Array]]
#: Takes the inputs by name; returns y and a function from grad_y to each input's gradient.
Function = Callable[[dict[str, Array]], tuple[Array, Backward]]


@dataclass(frozen=True)
class GradientCheck:
    """What a gradient check found.

    Attributes
    ----------
    errors : dict
        Name of the input or parameter -> largest relative error over all directions.
    tolerance : float
        The largest error that counts as right.
    """

    errors: dict[str, float]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return all(error <= self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        """List the gradients, worst first."""
        lines = []
        for name, error in sorted(self.errors.items(), key=lambda item: -item[1]):
            verdict = "right" if error <= self.tolerance else "WRONG"
            lines.append(f"{verdict}  {name}: relative error {error:.1e}")
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
    The worst direction counts, never the mean. Random g and d are the point: with an all-ones
    gradient many mistakes give the right numbers.

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
        How many directions a gradient is checked along; at least 1.
    step : float
        h. Where the function has a kink (ReLU, max) within h of the inputs, a right gradient can
        look wrong; with a smaller h it no longer does, while a wrong gradient stays wrong.
    tolerance : float
        Largest relative error that counts as right.
    seed : int
        Of the directions.

    Returns
    -------
    GradientCheck
        ``ok``, the error of each gradient, and a text by ``print``.

    Raises
    ------
    DtypeError
        If anything is float32, where rounding hides mistakes.
    ShapeError
        If a gradient has another name or shape than what it belongs to.
    ArgumentError
        If nothing would be checked: no directions, no step, no gradients.

    Notes
    -----
    An error is relative to the size of the gradient along the direction, or, where that is next to
    nothing, to what rounding alone may make of it. A model's parameters and running statistics are
    afterwards what they were.

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

    def run(moved: str = "", by: Array | float = 0.0) -> tuple[Array, Backward]:
        copies = {name: array.copy() for name, array in inputs.items()}  # a function may write
        if moved:
            copies[moved] += by
        return function(copies)

    rng = np.random.default_rng(seed)
    y, backward = run()
    grad_y = rng.standard_normal(y.shape)
    rounding = 10 * np.finfo(float).eps * float(np.sum(np.abs(grad_y * y))) / step
    grads = {name: np.array(grad) for name, grad in backward(grad_y.copy()).items()}
    if not grads:
        raise ArgumentError(
            "gradient_check: backward returned no gradient, so there is nothing to check. Return "
            "a dict of each input's name and its gradient."
        )
    errors: dict[str, float] = {}
    for name, grad in grads.items():
        if name not in inputs or grad.shape != inputs[name].shape:
            wanted = {key: array.shape for key, array in inputs.items()}
            raise ShapeError(
                f"gradient_check: backward returned a gradient {name!r} of shape {grad.shape}, but "
                f"the inputs are {wanted}. A gradient has the name and shape of what it belongs to."
            )
        if not np.isfinite(grad).all():
            errors[name] = np.inf
            continue
        worst = 0.0
        for _ in range(directions):
            way = rng.standard_normal(grad.shape)
            up, down = (float(np.sum(run(name, h * way)[0] * grad_y)) for h in (step, -step))
            numeric, told = (up - down) / (2 * step), float(np.sum(grad * way))
            # the terms of `told` may cancel: measure against their size, not against their sum,
            # and let rounding alone never pass the tolerance
            size = max(abs(numeric), abs(told), float(np.linalg.norm(grad * way)))
            error = abs(numeric - told) / max(size, rounding / tolerance, np.finfo(float).tiny)
            worst = max(worst, error) if np.isfinite(error) else np.inf
        errors[name] = worst
    return GradientCheck(errors, tolerance)


def _of_model(model: Node, state: dict[str, Array], training: bool) -> Function:
    """See a model as a function of x and its parameters, run from the same running statistics."""
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
