"""Constants hard-coded in a learner's batch normalisation, computed from its results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from clearconv.doctor.kinds import Kind
from clearconv.doctor.layout import Array
from clearconv.doctor.matching import NONE, Trial, expected, same


def built_in(kind: Kind, trials: Sequence[Trial]) -> dict[str, float]:
    """Return the code's own eps and momentum, if it does not accept ours.

    Parameters
    ----------
    kind : Kind
        Kind of the layer; only batch normalisation is examined.
    trials : sequence of Trial
        Results of the runs.
    """
    found: dict[str, float] = {}
    if kind.name != "batch_norm":
        return found
    made = list(trials)
    for option, result, read in (("eps", "y", _eps), ("momentum", "running_mean", _momentum)):
        read_off = [read(trial) for trial in made if _wrong(kind, trial, result)]
        values = np.concatenate([v for v in read_off if v is not None] or [np.empty(0)])
        if values.size == 0 or not np.isfinite(values).all():
            continue
        value = float(f"{np.median(values):.4g}")
        if not 1e-15 < value < 1 or np.abs(values - value).max() > 1e-3 * value + 1e-9:
            continue
        made = with_options(made, {option: value})
        found[option] = value
    return found


def with_options(trials: Sequence[Trial], options: Mapping[str, float]) -> list[Trial]:
    """Return the trials with these options in their cases.

    Parameters
    ----------
    trials : sequence of Trial
        Results of the runs.
    options : mapping
        Constants hard-coded in the code.
    """
    return [
        replace(one, case=replace(one.case, options={**one.case.options, **options}))
        for one in trials
    ]


def _wrong(kind: Kind, trial: Trial, name: str) -> bool:
    """Whether a training case's result has the right shape and other numbers."""
    got, want = trial.results.get(name), expected(kind.run(trial.case, NONE), name)
    if got is None or want is None or not trial.case.options["training"]:
        return False
    return got.shape == want.shape and not same(got, want, name)


def _eps(trial: Trial) -> Array | None:
    """Solve y = gamma (x - mean) / sqrt(var + eps) + beta for eps, if it is well conditioned."""
    a = trial.case.arrays
    x, y = np.moveaxis(a["x"], 1, -1), np.moveaxis(trial.results["y"], 1, -1)
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    with np.errstate(all="ignore"):
        root = a["gamma"] * (x - mean) / (y - a["beta"])
        eps = root**2 - var
    return np.asarray(np.median(eps.reshape(-1, eps.shape[-1]), axis=0))


def _momentum(trial: Trial) -> Array | None:
    """Solve running = old + m (mean - old) for m; the other convention's m is 1 - m."""
    a = trial.case.arrays
    axes = tuple(axis for axis in range(a["x"].ndim) if axis != 1)
    mean = a["x"].mean(axes)
    with np.errstate(all="ignore"):
        weight = (trial.results["running_mean"] - a["running_mean"]) / (mean - a["running_mean"])
    if np.allclose(weight, 1 - trial.case.options["momentum"]):
        return None  # it uses ours, as the weight of the old
    return np.asarray(weight)
