"""The numbers of the cases: drawn once and for all from keys."""

from collections.abc import Mapping

from clearconv.doctor.kinds._kind import Arrays
from clearconv.random import generator


def draw(name: str, shapes: Mapping[str, tuple[int, ...]], whole: bool = False) -> Arrays:
    """Draw float64 arrays: standard normal, or whole numbers from -3 to 3 without 0.

    The same name gives the same numbers.
    """
    arrays: Arrays = {}
    for array, shape in shapes.items():
        rng = generator(0, "doctor", f"{name} {array}")
        if whole:
            arrays[array] = rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape)
        else:
            arrays[array] = rng.standard_normal(shape)
    return arrays
