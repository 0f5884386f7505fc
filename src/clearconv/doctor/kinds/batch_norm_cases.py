"""The cases on which a mistake in batch normalisation cannot hide, and its conventions."""

from clearconv.doctor.kinds._kind import Case, Convention, Limits
from clearconv.doctor.kinds._numbers import draw

CONVENTIONS = (
    Convention(
        "momentum",
        "what the momentum weighs",
        {
            "new": "the batch's statistics: running = (1 - m) * running + m * batch",
            "old": "the running statistics: running = m * running + (1 - m) * batch",
        },
        ("running_mean", "running_var"),
    ),
    Convention(
        "running-variance",
        "the variance that the running statistics keep",
        {
            "unbiased": "the estimate for all images: divided by M - 1",
            "biased": "the batch's own: divided by M",
        },
        ("running_var",),
    ),
)

#: Name, shape, whether in training.
_SHAPES = (
    ("a matrix", (5, 3), True),
    ("images, all sizes unequal", (3, 4, 2, 5), True),
    ("evaluation of a matrix", (4, 3), False),
    ("evaluation of images", (2, 4, 3, 2), False),
    ("a larger matrix", (7, 4), True),
    ("images with as many channels as rows", (4, 3, 3, 2), True),
)
_SMALL = (
    ("two numbers", (2, 1), True),
    ("two numbers in evaluation", (2, 1), False),
    ("three samples, two channels", (3, 2), True),
    ("two images, one channel", (2, 1, 1, 2), True),
    ("two images, two channels", (2, 2, 1, 3), True),
)


def cases(limits: Limits) -> list[Case]:
    """Return the cases, with normal numbers."""
    return _cases(_SHAPES, limits, whole=False)


def small_cases(limits: Limits) -> list[Case]:
    """Return cases that can be checked by hand, smallest first."""
    return _cases(_SMALL, limits, whole=True)


def _cases(
    shapes: tuple[tuple[str, tuple[int, ...], bool], ...], limits: Limits, whole: bool
) -> list[Case]:
    made = []
    for name, shape, training in shapes:
        if limits.rank and len(shape) != limits.rank:
            continue
        if limits.fixed.get("training", training) != training:
            continue
        channels = (shape[1],)
        sizes = {"x": shape, "gamma": channels, "beta": channels, "running_mean": channels}
        arrays = draw(f"batch_norm {name}", sizes | {"grad_y": shape}, whole)
        levels = (0.5, 0.75, 2.0, 3.0)
        arrays |= draw(f"batch_norm {name}", {"running_var": channels}, levels=levels)
        if not whole:  # neither centred nor of spread 1, and another spread in each channel
            spread = draw(f"batch_norm {name}", {"spread": channels}, levels=levels)["spread"]
            column = spread.reshape(-1, *[1] * (len(shape) - 2))  # (C,) or (C, 1, 1)
            arrays["x"] = arrays["x"] * column + 2 * column
        elif (arrays["x"] == arrays["x"].flat[0]).all():  # of equal numbers nothing is left
            arrays["x"][0] += 2
        options = {"training": training, "eps": 0.1, "momentum": 0.3}
        made.append(Case(name, arrays, {k: limits.fixed.get(k, v) for k, v in options.items()}))
    return made
