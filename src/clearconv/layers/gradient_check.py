"""Compare a hand-written gradient with the definition of a derivative."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearconv.errors import DtypeError
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
        worst_first = sorted(self.errors.items(), key=lambda item: -item[1])
        return "\n".join(
            f"{'right' if error <= self.tolerance else 'WRONG':5}  {name}: relative error {error:.1e}"
            for name, error in worst_first
        )


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
        How many directions a gradient is checked along.
    step : float
        h. Where the function has a kink (ReLU, max) within h of the inputs, a right gradient can
        look wrong.
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

    Examples
    --------
    >>> import numpy as np, clearconv
    >>> layer = clearconv.Conv2d(2, 3, stride=2).build((3, 7, 6), dtype="float64")
    >>> x = np.random.default_rng(0).standard_normal((2, 3, 7, 6))
    >>> clearconv.gradient_check(layer, x).ok
    True
    """
    if isinstance(function, Node):
        model = function
        arrays = {"x": np.asarray(inputs), **model.parameters}
        check: Function = _of_model(model, training)
    else:
        arrays = dict(inputs) if isinstance(inputs, dict) else {"x": inputs}
        check = function
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise DtypeError(
                f"gradient_check: {name} is {array.dtype}, but float64 is needed: in float32 "
                "rounding hides mistakes. Build the model with dtype='float64'."
            )
    start = {name: array.copy() for name, array in arrays.items()}
    rng = np.random.default_rng(seed)
    y, backward = check(start)
    grad_y = rng.standard_normal(y.shape)
    grads = {name: grad.copy() for name, grad in backward(grad_y).items()}
    errors = {}
    for name, grad in grads.items():
        worst = 0.0
        for _ in range(directions):
            way = rng.standard_normal(start[name].shape)
            ends = [
                float(np.sum(check({**start, name: start[name] + h * way})[0] * grad_y))
                for h in (step, -step)
            ]
            numeric, told = (ends[0] - ends[1]) / (2 * step), float(np.sum(grad * way))
            worst = max(worst, abs(numeric - told) / max(1.0, abs(numeric), abs(told)))
        errors[name] = worst
    check(start)  # leaves a model with the parameters it came with
    return GradientCheck(errors, tolerance)


def _of_model(model: Node, training: bool) -> Function:
    """See a model as a function of x and its parameters; running statistics are put back."""
    state = model.state_dict()
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
