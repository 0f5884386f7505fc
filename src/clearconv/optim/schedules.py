"""Learning-rate schedules: from a step's number to a factor of the learning rate."""

from collections.abc import Callable
from math import cos, pi

from clearconv.errors import ArgumentError

#: Step number, from 0 -> factor of the learning rate.
Schedule = Callable[[int], float]

SCHEDULES = ("constant", "step", "cosine", "one_cycle")


def schedule(
    name: str,
    steps: int,
    warmup: int = 0,
    *,
    drops: tuple[float, ...] = (0.5, 0.75),
    gamma: float = 0.1,
    rise: float = 0.3,
    start: float = 1 / 25,
    end: float = 1e-4,
) -> Schedule:
    r"""Return the factor of the learning rate for each step of a run.

    Parameters
    ----------
    name : {"constant", "step", "cosine", "one_cycle"}
        - "constant": 1.
        - "step": multiplied by `gamma` after each share of the run in `drops`.
        - "cosine": :math:`(1 + \cos \pi t) / 2`, from 1 to 0 (Loshchilov and Hutter, 2017).
        - "one_cycle": up from `start` to 1 over the share `rise` of the run, then down to `end`,
          both along half a cosine (Smith and Topin, 2018).
    steps : int
        Number of steps in the run.
    warmup : int
        Number of first steps in which the factor rises linearly from 1/warmup to 1; the schedule
        takes the rest of the run. "one_cycle" has a warm-up of its own and takes none.
    drops, gamma, rise, start, end
        See the schedules.

    Returns
    -------
    callable
        ``factor(step)`` for step = 0, 1, ..., steps - 1.

    Raises
    ------
    ArgumentError
        If the name is not known, or the warm-up is longer than the run.
    """
    if name not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise ArgumentError(f"schedule={name!r} is not known; choose one of {known}.")
    if not 0 <= warmup <= steps:
        raise ArgumentError(
            f"schedule: a warm-up of {warmup} steps does not fit into a run of {steps} steps."
        )
    if name == "one_cycle" and warmup:
        raise ArgumentError("schedule: one_cycle has a warm-up of its own; leave the warm-up at 0.")
    length = max(1, steps - warmup)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = min(1.0, (step - warmup) / length)  # finished share of the run
        if name == "step":
            return gamma ** sum(done >= share for share in drops)
        if name == "cosine":
            return (1 + cos(pi * done)) / 2
        if name == "one_cycle":
            if done < rise:
                return _half_cosine(start, 1.0, done / rise)
            return _half_cosine(1.0, end, (done - rise) / (1 - rise))
        return 1.0

    return factor


def _half_cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + cos(pi * share)) / 2
