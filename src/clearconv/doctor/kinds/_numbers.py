"""The numbers of the cases, drawn from keys, so always the same."""

from collections.abc import Mapping, Sequence

from clearconv.doctor.kinds._kind import Arrays
from clearconv.random import generator

_WHOLE = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)


def draw(
    name: str,
    shapes: Mapping[str, tuple[int, ...]],
    whole: bool = False,
    levels: Sequence[float] | None = None,
) -> Arrays:
    """Draw float64 arrays: standard normal, or `whole` numbers from -3 to 3, or of these `levels`.

    The same name gives the same numbers.
    """
    arrays: Arrays = {}
    for array, shape in shapes.items():
        rng = generator(0, "doctor", f"{name} {array}")
        if levels or whole:
            arrays[array] = rng.choice(levels or _WHOLE, shape)
        else:
            arrays[array] = rng.standard_normal(shape)
    return arrays
