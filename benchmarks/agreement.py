"""Before anything is timed: do both sides compute the same?

The judge is PyTorch in float64. In float64 clearconv must agree to rounding. In float32, which is
what is timed, a ReLU or a maximum that is a tie but for rounding may fall to the other side and
take its gradient along, and batch norm makes many a gradient the small difference of large sums:
that bound is wider, and grows with PyTorch's own error.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benchmarks.networks import MOMENTUM, Network, Ours, batch_of
from benchmarks.pytorch import copy_weights, loss_of, module_for, pairs
from benchmarks.results import Agreement, Errors

#: Largest error of an array, as a share of its largest number.
BOUND64, BOUND32, BOUND32_NORMALISED = 1e-8, 1e-2, 1e-1
LEARNING_RATE = 0.1  # large, so that the step shows in the weights


class Disagreement(Exception):
    """The two sides do not compute the same; a comparison of speed would mean nothing."""


@dataclass(frozen=True)
class _Step:
    """Loss of a step, gradients and new weights by path."""

    loss: float
    gradients: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]


def agree(name: str, network: Network) -> Agreement:
    """Take one step on both sides from the same weights; raise Disagreement if it differs."""
    exact = _their_step(network, torch.float64)
    theirs = _errors("PyTorch in float32", _their_step(network, torch.float32), exact, np.inf)
    least = BOUND32_NORMALISED if network.normalised else BOUND32
    bound32 = max(least, 3 * theirs.loss, 3 * theirs.gradients, 3 * theirs.weights)
    return Agreement(
        name,
        bound32,
        _errors(f"{name} in float64", _our_step(network, "float64"), exact, BOUND64),
        _errors(f"{name} in float32", _our_step(network, "float32"), exact, bound32),
        theirs,
    )


def _our_step(network: Network, dtype: str) -> _Step:
    # the weights of both precisions are drawn alike, but differ by rounding: take the float32 ones
    ours = Ours(network, dropout=False, lr=LEARNING_RATE, dtype=dtype)
    ours.model.load_state_dict(Ours(network).model.state_dict())
    return _Step(ours.train(), ours.model.gradients, ours.model.parameters)


def _their_step(network: Network, dtype: torch.dtype) -> _Step:
    model, module = Ours(network).model, module_for(network)
    copy_weights(model, module)
    module.to(dtype)
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    x, labels = batch_of(network)
    optimiser = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    loss = loss_of(module, torch.from_numpy(x).to(dtype), torch.from_numpy(labels))
    loss.backward()
    optimiser.step()
    paired = pairs(model, module)
    return _Step(
        loss.item(),
        {path: parameter.grad.numpy() for path, parameter in paired},
        {path: parameter.detach().numpy() for path, parameter in paired},
    )


def _errors(what: str, got: _Step, exact: _Step, bound: float) -> Errors:
    """Return the largest errors; raise where one passes the bound."""
    found = {"the loss": abs(got.loss - exact.loss) / abs(exact.loss)}
    worst = {}
    for kind in ("gradients", "weights"):
        arrays, right = getattr(got, kind), getattr(exact, kind)
        errors = {f"{kind} of {path}": _error(arrays[path], right[path]) for path in right}
        worst[kind] = max(errors.values())
        found |= errors
    wrong = {place: error for place, error in found.items() if not error <= bound}  # NaN too
    if wrong:
        shown = ", ".join(f"{place} {error:.1e}" for place, error in list(wrong.items())[:5])
        raise Disagreement(
            f"{what}: clearconv and PyTorch in float64 differ by more than {bound:g} of an array's "
            f"largest number in {len(wrong)} of {len(found)} places: {shown}. Nothing was timed: "
            "find out first whose numbers are wrong."
        )
    return Errors(found["the loss"], **worst)


def _error(got: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(got - exact).max() / (np.abs(exact).max() or 1.0))
