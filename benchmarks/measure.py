"""Timing two or more ways to do one thing: in one process, in turn, medians."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

SETTLE = 0.02  # seconds of steps thrown away after each switch: the other's threads still spin
BLOCK = 0.08  # seconds of one timed block
LEAST_ROUNDS, MOST_ROUNDS = 3, 31

Step = Callable[[], object]


def block(step: Step, seconds: float = BLOCK) -> float:
    """Throw steps away for 20 ms, at least one, then return the seconds a step of a block."""
    start = perf_counter()
    while True:
        step()
        if perf_counter() - start >= SETTLE:
            break
    count, start = 0, perf_counter()
    while True:
        step()
        count += 1
        elapsed = perf_counter() - start
        if elapsed >= seconds:
            return elapsed / count


def alternate(
    steps: dict[str, Step], seconds: float, block_seconds: float = BLOCK
) -> dict[str, float]:
    """Time the steps in turn, block by block; return each one's median seconds.

    Parameters
    ----------
    steps : dict
        Name -> what to time.
    seconds : float
        About how long to measure in all.
    block_seconds : float
        Length of one block; at least one step.
    """
    found: dict[str, list[float]] = {name: [] for name in steps}
    start = perf_counter()
    for done in range(MOST_ROUNDS):
        if done >= LEAST_ROUNDS and perf_counter() - start > seconds:
            break
        for name, step in steps.items():
            found[name].append(block(step, block_seconds))
    return {name: median(times) for name, times in found.items()}
