"""Batch normalisation, and how it goes wrong: plain, with its mistakes as switches.

Every pass works on (N, C, L): images, channels, places, of which a fully connected layer has one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearconv.doctor.kinds._kind import Arrays, Case, Kind
from clearconv.doctor.kinds._passes import through
from clearconv.doctor.kinds._windows import Array
from clearconv.doctor.kinds._words import slips as words
from clearconv.doctor.kinds.batch_norm_cases import CONVENTIONS, cases, small_cases


class Normalised(NamedTuple):
    """What the backward pass needs of the forward pass."""

    y: Array
    normal: Array
    inverse: Array
    mean: Array
    var: Array


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run every pass of the case; in evaluation mode only the forward pass."""
    a, o = case.arrays, case.options
    x = _flat(a["x"])
    forward = _forward(x, a, o, slips)

    passes = {
        "y": lambda: forward.y.reshape(a["x"].shape),
        "running_mean": lambda: _running_mean(forward, a, o, slips, conventions),
        "running_var": lambda: _running_var(forward, x, a, o, slips, conventions),
    }
    if o["training"]:
        grad_y = _flat(a["grad_y"])
        passes |= {
            "grad_x": lambda: _grad_x(grad_y, forward, a, slips).reshape(a["x"].shape),
            "grad_gamma": lambda: _grad_gamma(grad_y, x, forward, slips, a["x"].shape),
            "grad_beta": lambda: _grad_beta(grad_y, a["gamma"], slips, a["x"].shape),
        }
    results = through(passes, slips)
    if o["training"] and {"running_mean", "running_var"} <= results.keys():  # they remember
        once = {**a, "running_mean": results["running_mean"], "running_var": results["running_var"]}
        results |= through(
            {
                "running_mean@2": lambda: _running_mean(forward, once, o, slips, conventions),
                "running_var@2": lambda: _running_var(forward, x, once, o, slips, conventions),
            },
            slips,
        )
    return results


def _forward(x: Array, a: Arrays, o: Mapping[str, Any], slips: frozenset[str]) -> Normalised:
    """Subtract the mean, divide by the spread, scale and shift."""
    axes = _axes(slips)
    batch_mean, count = x.mean(axes, keepdims=True), x.size // x.shape[1]
    batch_var = ((x - batch_mean) ** 2).mean(axes, keepdims=True)
    if "variance-about-zero" in slips:
        batch_var = (x**2).mean(axes, keepdims=True)
    mean, var = batch_mean, batch_var
    if "variance-unbiased" in slips:
        var = var * count / (count - 1)
    fixed = "running-in-training" in slips if o["training"] else "batch-in-evaluation" not in slips
    if fixed:
        mean, var = _column(a["running_mean"]), _column(a["running_var"])
    inverse = 1 / np.sqrt(var + o["eps"])
    if "eps-outside-the-root" in slips:
        inverse = 1 / (np.sqrt(var) + o["eps"])
    if "no-eps" in slips:
        inverse = 1 / np.sqrt(var)
    if "no-root" in slips:
        inverse = 1 / (var + o["eps"])
    normal = (x - mean) * inverse
    gamma, beta = _column(a["gamma"]), _column(a["beta"])
    if "forward-no-gamma" in slips:
        gamma = np.ones_like(gamma)
    if "forward-no-beta" in slips:
        beta = 0 * beta
    if "shift-scaled" in slips:
        beta = gamma * beta
    return Normalised(gamma * normal + beta, normal, inverse, batch_mean, batch_var)


def _grad_x(grad_y: Array, forward: Normalised, a: Arrays, slips: frozenset[str]) -> Array:
    """An input reaches the output directly, through the mean, and through the variance."""
    axes, normal = _axes(slips), forward.normal
    grad = grad_y if "input-no-gamma" in slips else grad_y * _column(a["gamma"])
    by_mean = -grad.mean(axes, keepdims=True)
    by_variance = -normal * (grad * normal).mean(axes, keepdims=True)
    count = grad.size // grad.shape[1]
    if slips & {"sums-for-means", "mean-path-as-sum"}:
        by_mean = by_mean * count
    if slips & {"sums-for-means", "variance-path-as-sum"}:
        by_variance = by_variance * count
    if "count-of-images" in slips:
        by_mean, by_variance = by_mean * grad.shape[2], by_variance * grad.shape[2]
    if "variance-path-doubled" in slips:
        by_variance = 2 * by_variance
    if "variance-path-halved" in slips:
        by_variance = by_variance / 2
    if "variance-path-sign" in slips:
        by_variance = -by_variance
    if slips & {"no-mean-path", "statistics-as-constants"}:
        by_mean = 0 * by_mean
    if slips & {"no-variance-path", "statistics-as-constants"}:
        by_variance = 0 * by_variance
    total = grad + by_mean + by_variance
    return total if "no-spread-in-gradient" in slips else total * forward.inverse


def _grad_gamma(
    grad_y: Array, x: Array, forward: Normalised, slips: frozenset[str], shape: tuple[int, ...]
) -> Array:
    """The scale met the normalised input."""
    met = grad_y * (x if "gamma-of-the-input" in slips else forward.normal)
    if "gamma-like-beta" in slips:
        met = grad_y
    return _collected(met, "gamma", slips, shape)


def _grad_beta(grad_y: Array, gamma: Array, slips: frozenset[str], shape: tuple[int, ...]) -> Array:
    """The shift was added everywhere."""
    met = grad_y * _column(gamma) if "beta-times-gamma" in slips else grad_y
    return _collected(met, "beta", slips, shape)


def _collected(met: Array, name: str, slips: frozenset[str], shape: tuple[int, ...]) -> Array:
    """Sum over images and places."""
    if f"{name}-unsummed" in slips:
        return met.reshape(shape)
    if f"{name}-scalar" in slips:
        return met.sum()
    if f"{name}-images-only" in slips:
        return met.sum(0).reshape(shape[1:])
    return met.mean((0, 2)) if f"{name}-mean" in slips else met.sum((0, 2))


def _running_mean(
    forward: Normalised,
    a: Arrays,
    o: Mapping[str, Any],
    slips: frozenset[str],
    conventions: Mapping[str, str],
) -> Array:
    """Move the running mean towards the batch's."""
    new, old = _weights(o, slips, conventions)
    return old * a["running_mean"] + new * forward.mean.squeeze()


def _running_var(
    forward: Normalised,
    x: Array,
    a: Arrays,
    o: Mapping[str, Any],
    slips: frozenset[str],
    conventions: Mapping[str, str],
) -> Array:
    """Move the running variance towards the batch's."""
    new, old = _weights(o, slips, conventions)
    if "running-weights-mixed" in slips and o["training"]:
        new, old = old, new
    var, count = forward.var.squeeze(), x.size // x.shape[1]
    if conventions.get("running-variance", "unbiased") == "unbiased":
        var = var * count / (count - 1)
    if "running-deviation" in slips:
        var = np.sqrt(var)
    return old * a["running_var"] + new * var


def _weights(
    o: Mapping[str, Any], slips: frozenset[str], conventions: Mapping[str, str]
) -> tuple[float, float]:
    """Return the weights of the new and of the old statistics."""
    if "running-never-updated" in slips:
        return 0.0, 1.0
    if not (o["training"] or "running-updated-in-evaluation" in slips):
        return 0.0, 1.0
    if "running-replaced" in slips:
        return 1.0, 0.0
    new: float = o["momentum"]
    if conventions.get("momentum", "new") == "old":
        new = 1 - new
    return new, 1 - new


def _axes(slips: frozenset[str]) -> tuple[int, ...]:
    """Return the axes of (N, C, L) over which the statistics are taken."""
    if "each-position-alone" in slips:
        return (0,)
    if "each-image-alone" in slips:
        return (2,)
    return (0, 1, 2) if "all-channels-together" in slips else (0, 2)


def _flat(array: Array) -> Array:
    return array.reshape(*array.shape[:2], -1)  # (N, C, L)


def _column(array: Array) -> Array:
    return array[None, :, None]  # (1, C, 1)


BATCH_NORM = Kind(
    name="batch_norm",
    inputs=("x", "gamma", "beta", "running_mean", "running_var", "grad_y"),
    results=("y", "grad_x", "grad_gamma", "grad_beta", "running_mean", "running_var"),
    slips=words("batch_norm"),
    conventions=CONVENTIONS,
    make_cases=cases,
    make_small=small_cases,
    compute=compute,
)
