"""Run the passes of a kind when a mistake may stop one of them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from clearconv.doctor.kinds._kind import Arrays

#: What NumPy raises where shapes or indices do not fit.
STOPS = (ValueError, IndexError, TypeError)


def through(passes: Mapping[str, Callable[[], npt.NDArray[Any]]], slips: frozenset[str]) -> Arrays:
    """Return the result of each pass; one that a mistake stops with an error is missing."""
    results: Arrays = {}
    for name, run in passes.items():
        try:
            results[name] = np.asarray(run())
        except STOPS:
            if not slips:
                raise
    return results


def doubled(results: Arrays, names: tuple[str, ...]) -> Arrays:
    """Return what a second call gives if these results are added to those of the first."""
    return {f"{name}@2": 2 * results[name] for name in names if name in results}
