"""Convolution, and how it goes wrong: one plain implementation with its mistakes as switches.

Every pass goes over the output positions; the input gradient passes each error term back to the
patch that it came from. A program that turns the kernel and slides it over the padded, spread error
terms gives the same numbers: a kernel that such a program leaves unturned is here one that is
turned before it is passed back.
"""

from collections.abc import Callable, Mapping

import numpy as np

from clearconv.doctor.kinds._activation import (
    CONVENTIONS,
    activate,
    derivative_below,
    error_at_net,
)
from clearconv.doctor.kinds._batch import batch_convention, divisor
from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind
from clearconv.doctor.kinds._passes import doubled, through
from clearconv.doctor.kinds._window_slips import (
    as_columns,
    as_rows,
    as_square,
    crop,
    look,
    need,
    steps_back,
)
from clearconv.doctor.kinds._windows import Array, Options, overwriting, pad, positions, spot
from clearconv.doctor.kinds._words import slips as words
from clearconv.doctor.kinds.conv2d_cases import cases, small_cases

#: Applied to a kernel before it goes back, these act like a program that turns it incorrectly.
TURNS: dict[str, Callable[[Array], Array]] = {
    "no-turn": lambda k: k[:, :, ::-1, ::-1],
    "turn-rows-only": lambda k: k[:, :, :, ::-1],
    "turn-columns-only": lambda k: k[:, :, ::-1],
    "turn-channels-too": lambda k: k[:, ::-1],
    "turn-channels-and-rows": lambda k: k[:, ::-1, :, ::-1],
    "turn-filters-and-channels": lambda k: k[::-1, ::-1, ::-1, ::-1],
    "turn-every-axis": lambda k: k[::-1, ::-1],
    "transposed-kernel": lambda k: _exchange(k)[:, :, ::-1, ::-1],
    "quarter-turn": lambda k: _exchange(k)[..., ::-1],
    "channels-not-exchanged": lambda k: k.swapaxes(0, 1),
}


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run every pass of the case."""
    a, o = case.arrays, case.options
    flipped = conventions.get("kernel") == "flipped"
    activation = conventions.get("activation", "none")
    derivative = conventions.get("derivative", "here")
    weight = a["weight"][:, :, ::-1, ::-1] if flipped else a["weight"]
    bias = a.get("bias", np.zeros(len(weight)))
    grad_net = a["grad_y"]
    if activation != "none":
        net = _forward(a["x"], weight, bias, o, frozenset())
        grad_net = error_at_net(a["grad_y"], net, activation, derivative)
    count = divisor(len(a["x"]), conventions)
    if "rows-not-brought-last" in slips:
        grad_net = as_rows(grad_net)

    def grad_weight() -> Array:
        grad = _grad_weight(grad_net, a["x"], o, slips) / count
        grad = grad[:, :, ::-1, ::-1] if flipped else grad
        return grad.swapaxes(0, 1) if "weight-channels-exchanged" in slips else grad

    def grad_x() -> Array:
        used = as_columns(weight) if "weight-as-columns" in slips else weight
        if "updated-first" in slips:
            step = o["lr"] * grad_weight()
            used = weight - (step[:, :, ::-1, ::-1] if flipped else step)
        grad = _grad_x(grad_net, used, a["x"].shape, o, slips)
        if derivative == "below" and grad.shape == a["x"].shape:
            grad = grad * derivative_below(a["x"], activation, derivative)
        return grad

    passes: dict[str, Callable[[], Array]] = {
        "y": lambda: activate(_forward(a["x"], weight, bias, o, slips), activation),
        "grad_x": grad_x,
        "grad_weight": grad_weight,
    }
    if "bias" in a:
        passes["grad_bias"] = lambda: _grad_bias(grad_net, slips) / count
    results = {} if "true-division" in slips else through(passes, slips)
    kept = {"input-not-cleared": "grad_x", "weight-not-cleared": "grad_weight",
            "bias-not-cleared": "grad_bias"}  # fmt: skip
    return results | doubled(results, tuple(kept[slip] for slip in slips & kept.keys()))


def _forward(x: Array, weight: Array, bias: Array, o: Options, slips: frozenset[str]) -> Array:
    """Each output is the sum over one patch."""
    if "weight-as-columns" in slips:
        weight = as_columns(weight)
    if "forward-channels-turned" in slips:
        weight = weight[:, ::-1]
    if "forward-last-channel" in slips:
        x, weight = x[:, -1:], weight[:, -1:]
    if "forward-no-bias" in slips:
        bias = 0 * bias
    if "forward-bias-per-channel" in slips:
        bias = bias * x.shape[1]
    x, output, stride, dilation = look(x, o, slips)
    (N, O), filters = (len(x), len(weight)), weight.reshape(len(weight), -1).T
    y = np.zeros((N, O, *output))
    for p, q in positions(output):
        patch = x[spot((p, q), o["kernel"], stride, dilation)]  # (N, C, KH, KW)
        y[:, :, p, q] = patch.reshape(N, -1) @ filters + bias
    if "forward-filters-not-brought-back" in slips:
        y = y.transpose(0, 2, 3, 1).reshape(y.shape)
    if "forward-first-image" in slips:
        y[1:] = 0
    if "forward-first-filter" in slips:
        y[:, 1:] = 0
    return y


def _grad_x(
    grad_y: Array, weight: Array, x_shape: tuple[int, ...], o: Options, slips: frozenset[str]
) -> Array:
    """Every output passes its gradient back to its patch."""
    (ph, pw), (N, C, H, W), kernel = o["padding"], x_shape, o["kernel"]
    for slip, turn in TURNS.items():  # two are made in this order, whatever a set's is
        if slip in slips:
            weight = turn(weight)
    if slips & {"input-last-filter", "input-assign"}:
        weight, grad_y = weight[-1:], grad_y[:, -1:]
    if "input-first-filter" in slips:
        weight, grad_y = weight[:1], grad_y[:, :1]
    grad_y, (stride, dilation) = as_square(grad_y, slips), steps_back(o, slips)
    canvas = np.zeros((N, C, H + 2 * ph, W + 2 * pw))
    output = grad_y.shape[2], grad_y.shape[3]
    assigns = slips & {"input-assign", "input-last-window", "input-last-element"}
    shares = np.tensordot(grad_y, weight, ((1,), (0,)))  # (N, OH, OW, C, KH, KW)
    for p, q in overwriting(output, slips, "input-last-element"):
        given = shares[:, p, q]  # (N, C, KH, KW)
        patch = canvas[spot((p, q), kernel, stride, dilation)]
        patch[...] = given if assigns else patch + given
    if "input-mean" in slips:
        canvas /= N
    if "input-mean-of-positions" in slips:
        canvas /= N * output[0] * output[1]
    return crop(canvas, (H, W), o, slips)


def _grad_weight(grad_y: Array, x: Array, o: Options, slips: frozenset[str]) -> Array:
    """Every output passes its gradient, times its patch, to the kernel."""
    kernel, stride, dilation = o["kernel"], o["stride"], o["dilation"]
    N, (OH, OW) = len(x), grad_y.shape[2:]
    if "weight-no-padding" not in slips:
        x = pad(x, o["padding"])
    if "weight-one-stride" in slips:
        stride = stride[0], stride[0]
    if "weight-no-spread" in slips:
        stride = (1, 1)
    if "weight-no-dilation" in slips:
        dilation = (1, 1)
    if "weight-first-image" in slips:
        x, grad_y = x[:1], grad_y[:1]
    if slips & {"weight-last-image", "weight-assign"}:
        x, grad_y = x[-1:], grad_y[-1:]
    if "weight-error-turned" in slips:
        grad_y = grad_y[:, :, ::-1, ::-1]
    if "weight-first-filter" in slips:
        grad_y = grad_y * _first(grad_y)
    if "weight-outputs-square" in slips:
        need(OH <= OW)
        OW = OH
    grad_weight = np.zeros((grad_y.shape[1], x.shape[1], *kernel))
    for p, q in positions((OH, OW)):
        patch = x[spot((p, q), kernel, stride, dilation)]  # (N, C, KH, KW)
        given = grad_y[:, :, p, q].T @ patch.reshape(len(patch), -1)  # (O, C·KH·KW)
        given = given.reshape(grad_y.shape[1], *patch.shape[1:])
        grad_weight = given if "weight-assign" in slips else grad_weight + given
    if "weight-square" in slips:
        need(kernel[0] <= kernel[1])
        grad_weight[..., kernel[0] :] = 0
    if "weight-turned" in slips:
        grad_weight = grad_weight[:, :, ::-1, ::-1]
    if "weight-not-transposed" in slips:
        grad_weight = grad_weight.reshape(len(grad_weight), -1).T.reshape(grad_weight.shape)
    if "weight-sign" in slips:
        grad_weight = -grad_weight
    if "weight-mean" in slips:
        grad_weight = grad_weight / N
    if "weight-mean-of-positions" in slips:
        grad_weight = grad_weight / (N * OH * OW)
    return grad_weight


def _grad_bias(grad_y: Array, slips: frozenset[str]) -> Array:
    """The bias was added at every position of every image."""
    N = len(grad_y)
    if "bias-first-image" in slips:
        grad_y = grad_y[:1]
    if "bias-last-image" in slips:
        grad_y = grad_y[-1:]
    if "bias-first-filter" in slips:
        grad_y = grad_y * _first(grad_y)
    grad_bias = grad_y.sum((0, 2, 3))
    if "bias-scalar" in slips:
        grad_bias = grad_y.sum()
    if "bias-all-filters" in slips:
        grad_bias = np.full(grad_y.shape[1], grad_y.sum())
    if "bias-assign" in slips:
        grad_bias = grad_y[-1, :, -1, -1]
    if "bias-of-positions" in slips:
        grad_bias = grad_y.sum((0, 1))
    if "bias-of-images" in slips:
        grad_bias = grad_y.sum((1, 2, 3))
    if "bias-unsummed" in slips:
        grad_bias = grad_y
    if "bias-images-only" in slips:
        grad_bias = grad_y.sum(0)
    if "bias-positions-only" in slips:
        grad_bias = grad_y.sum((2, 3))
    if "bias-mean" in slips:
        grad_bias = grad_y.mean((0, 2, 3))
    if "bias-batch-mean" in slips:
        grad_bias = grad_bias / N
    return grad_bias


def _first(grad_y: Array) -> Array:
    """Return 1 for the first filter and 0 for the others."""
    return (np.arange(grad_y.shape[1]) == 0)[:, None, None]


def _exchange(kernel: Array) -> Array:
    """Exchange rows and columns, which only fits if there are equally many of both."""
    need(kernel.shape[2] == kernel.shape[3])
    return kernel.swapaxes(2, 3)


CONV2D = Kind(
    name="conv2d",
    inputs=("x", "weight", "bias", "grad_y"),
    results=("y", "grad_x", "grad_weight", "grad_bias"),
    slips=words("conv2d"),
    conventions=(
        Convention(
            "kernel",
            "how the kernel lies on the image",
            {
                "straight": "laid on the image as it is (cross-correlation)",
                "flipped": "turned by 180 degrees in the forward pass, as mathematics defines "
                "convolution",
            },
        ),
        batch_convention("images"),
        *CONVENTIONS,
    ),
    make_cases=cases,
    make_small=small_cases,
    compute=compute,
)
