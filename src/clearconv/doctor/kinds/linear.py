"""The fully connected layer, and how it goes wrong: plain, with its mistakes as switches."""

from collections.abc import Callable, Mapping

import numpy as np

from clearconv.doctor.kinds._activation import (
    CONVENTIONS,
    activate,
    derivative_below,
    error_at_net,
)
from clearconv.doctor.kinds._batch import batch_convention, divisor
from clearconv.doctor.kinds._kind import Arrays, Case, Kind, Limits
from clearconv.doctor.kinds._numbers import draw
from clearconv.doctor.kinds._passes import doubled, through
from clearconv.doctor.kinds._windows import Array
from clearconv.doctor.kinds._words import slips as words

_BUFFERS = {
    "input-not-cleared": "grad_x",
    "weight-not-cleared": "grad_weight",
    "bias-not-cleared": "grad_bias",
}


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run every pass of the case."""
    a, shape = case.arrays, case.arrays["x"].shape
    x = a["x"].reshape(len(a["x"]), -1)  # (N, I)
    weight, bias = a["weight"], a.get("bias", np.zeros(len(a["weight"])))
    activation = conventions.get("activation", "none")
    derivative = conventions.get("derivative", "here")
    grad_net = error_at_net(a["grad_y"], x @ weight.T + bias, activation, derivative)
    count = divisor(len(x), conventions)

    def grad_x() -> Array:
        used = weight
        if "updated-first" in slips:
            used = weight - case.options["lr"] * _grad_weight(grad_net, x, slips) / count
        grad = _grad_x(grad_net, used, slips)
        grad = grad * derivative_below(x, activation, derivative)
        return grad if "input-flat" in slips else grad.reshape(shape)

    passes: dict[str, Callable[[], Array]] = {
        "y": lambda: activate(_forward(x, weight, bias, slips), activation),
        "grad_x": grad_x,
        "grad_weight": lambda: _grad_weight(grad_net, x, slips) / count,
    }
    if "bias" in a:
        passes["grad_bias"] = lambda: _grad_bias(grad_net, slips) / count
    results = through(passes, slips)
    return results | doubled(results, tuple(_BUFFERS[slip] for slip in slips & _BUFFERS.keys()))


def _forward(x: Array, weight: Array, bias: Array, slips: frozenset[str]) -> Array:
    """Each output is one weighted sum of all inputs."""
    if "forward-not-transposed" in slips:
        weight = weight.T
    y = x @ weight.T
    if "forward-no-bias" not in slips:
        y = y + bias
    if "forward-bias-per-input" in slips:
        y = y + bias * (x.shape[1] - 1)
    if "forward-first-sample" in slips:
        y[1:] = 0
    if "forward-first-unit" in slips:
        y[:, 1:] = 0
    return y


def _grad_x(grad_y: Array, weight: Array, slips: frozenset[str]) -> Array:
    """An input collects from every output, times the weight that connects them."""
    if "input-not-transposed" in slips:
        weight = weight.T
    if "input-last-unit" in slips:
        weight, grad_y = weight[-1:], grad_y[:, -1:]
    grad_x = grad_y @ weight
    if "input-mean" in slips:
        grad_x = grad_x / len(grad_y)
    if "input-first-sample" in slips:
        grad_x[1:] = 0
    return grad_x


def _grad_weight(grad_y: Array, x: Array, slips: frozenset[str]) -> Array:
    """A weight collects from every sample: its input times the gradient of its output."""
    N = len(x)
    if "weight-summed-first" in slips:
        x, grad_y = x.sum(0, keepdims=True), grad_y.sum(0, keepdims=True)
    if "weight-first-sample" in slips:
        x, grad_y = x[:1], grad_y[:1]
    if "weight-last-sample" in slips:
        x, grad_y = x[-1:], grad_y[-1:]
    grad_weight = grad_y.T @ x
    if "weight-mean" in slips:
        grad_weight = grad_weight / N
    if "weight-transposed" in slips:
        grad_weight = grad_weight.T
    if "weight-sign" in slips:
        grad_weight = -grad_weight
    return grad_weight


def _grad_bias(grad_y: Array, slips: frozenset[str]) -> Array:
    """The bias was added once for every sample."""
    if "bias-first-sample" in slips:
        grad_y = grad_y[:1]
    if "bias-last-sample" in slips:
        grad_y = grad_y[-1:]
    if "bias-unsummed" in slips:
        return grad_y
    if "bias-scalar" in slips:
        return grad_y.sum()
    if "bias-over-units" in slips:
        return grad_y.sum(1)
    return grad_y.mean(0) if "bias-mean" in slips else grad_y.sum(0)


#: Name, samples, the shape of one, outputs.
_SIZES = (
    ("all sizes unequal", 2, 3, 4),
    ("as many outputs as inputs", 3, 4, 4),
    ("more inputs than outputs", 5, 6, 2),
    ("as many samples as inputs", 4, 4, 3),
)
_SMALL = (
    ("one input, one output", 1, 1, 1),
    ("two inputs", 1, 2, 1),
    ("two outputs", 1, 1, 2),
    ("two samples", 2, 1, 1),
    ("two inputs, two outputs", 1, 2, 2),
    ("two samples, inputs and outputs", 2, 2, 2),
    ("two samples, three inputs, two outputs", 2, 3, 2),
)


def _cases(sizes: tuple[tuple[str, int, int, int], ...], limits: Limits, whole: bool) -> list[Case]:
    cases: dict[tuple[int, ...], Case] = {}
    for name, N, I, O in sizes:
        samples, rank = N if limits.batch else 1, limits.rank or 2
        # (N, I), or images (N, I, 2, ..., 3) that the layer flattens
        shape = (samples, I, *(2, 3)[: rank - 2]) if rank > 2 else (samples, I)
        shapes = {
            "x": shape,
            "weight": (O, int(np.prod(shape[1:]))),
            "bias": (O,),
            "grad_y": (samples, O),
        }
        if not limits.bias:
            del shapes["bias"]
        arrays = draw(f"linear {name}", shapes, whole)
        cases.setdefault((samples, I, O), Case(name, arrays, {"lr": 0.1}))
    return list(cases.values())


LINEAR = Kind(
    name="linear",
    inputs=("x", "weight", "bias", "grad_y"),
    results=("y", "grad_x", "grad_weight", "grad_bias"),
    slips=words("linear"),
    conventions=(
        batch_convention("samples"),
        *CONVENTIONS,
    ),
    make_cases=lambda limits: _cases(_SIZES, limits, whole=False),
    make_small=lambda limits: _cases(_SMALL, limits, whole=True),
    compute=compute,
)
