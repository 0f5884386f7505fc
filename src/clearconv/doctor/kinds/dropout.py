"""Dropout, and how it goes wrong: plain, with its mistakes as switches.

A program may choose which units it drops. The `draws` of a case are uniform numbers that decide
it, a unit being kept where its number is at least p; `read_draws` reads them off what a program
returned.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits
from clearconv.doctor.kinds._numbers import draw
from clearconv.doctor.kinds._passes import through
from clearconv.doctor.kinds._windows import Array
from clearconv.doctor.kinds._words import slips as words
from clearconv.random import generator


def compute(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Run two calls of both passes; in evaluation mode one of the forward pass."""
    a, p = case.arrays, case.options["p"]
    inverted = conventions.get("scale", "training") == "training"
    if not case.options["training"]:
        return through({"y": lambda: _evaluate(a, p, slips, inverted)}, slips)
    again = "draws" if "same-units" in slips else "draws@2"
    return through(
        {
            "y": lambda: _forward(a["x"], a["draws"], p, slips, inverted),
            "grad_x": lambda: _backward(a, "draws", p, slips, inverted),
            "y@2": lambda: _forward(a["x"], a[again], p, slips, inverted),
            "grad_x@2": lambda: _backward(a, again, p, slips, inverted),
        },
        slips,
    )


def _mask(draws: Array, p: float, slips: frozenset[str]) -> Array:
    """Keep each unit, on its own, with probability 1 - p."""
    if "never-drops" in slips:
        return np.ones_like(draws)
    if "one-mask-for-all" in slips:
        draws = np.broadcast_to(draws[:1], draws.shape)
    return 1.0 * (draws >= p)


def _scale(p: float, slips: frozenset[str], inverted: bool) -> float:
    """Return the factor that keeps the expected output equal to the input."""
    if "scaled-by-p" in slips:
        return 1 / p
    if "scaled-in-evaluation-too" in slips:
        return 1 / (1 - p)
    return 1.0 if "not-scaled" in slips or not inverted else 1 / (1 - p)


def _forward(x: Array, draws: Array, p: float, slips: frozenset[str], inverted: bool) -> Array:
    """Switch units off, scale the others up."""
    if "never-drops" in slips:
        return x
    y = x * _mask(draws, p, slips) * _scale(p, slips, inverted)
    return y / (1 - p) if "scaled-twice" in slips else y


def _backward(a: Arrays, draws: str, p: float, slips: frozenset[str], inverted: bool) -> Array:
    """A unit that was off gets nothing; the others are scaled as they were forward."""
    if slips & {"backward-no-mask", "never-drops"}:
        return a["grad_y"]
    if "backward-new-mask" in slips:
        draws = "draws-back"
    grad_x = a["grad_y"] * _mask(a[draws], p, slips)
    if "backward-not-scaled" in slips:
        return grad_x
    grad_x = grad_x * _scale(p, slips, inverted)
    return grad_x / (1 - p) if "backward-scaled-twice" in slips else grad_x


def _evaluate(a: Arrays, p: float, slips: frozenset[str], inverted: bool) -> Array:
    """In evaluation nothing is dropped."""
    if "drops-in-evaluation" in slips:
        return _forward(a["x"], a["draws"], p, slips, inverted)
    if "not-scaled" in slips:
        return a["x"]
    return a["x"] * (1 - p) if not inverted or "scaled-in-evaluation-too" in slips else a["x"]


def read_draws(case: Case, results: Arrays) -> Case:
    """Return the case with draws that lead to the units which a program kept.

    Parameters
    ----------
    case : Case
        Case that the program was given.
    results : dict
        Results that it returned: y, y@2, grad_x, if present.

    Returns
    -------
    Case
        The same case, with its draws replaced if they are plausible: not if far too many or too few
        units were kept, where all samples kept the same ones, or where a second call kept the same
        ones again. There the case's own draws stay, and the program's output can only be explained
        by a mistake.
    """
    x, p = case.arrays["x"], case.options["p"]
    kept = {
        name: results[name] != 0
        for name in ("y", "grad_x", "y@2", "grad_x@2")
        if name in results and results[name].shape == x.shape
    }
    arrays = dict(case.arrays)
    expected, spread = (1 - p) * x.size, 5 * np.sqrt(p * (1 - p) * x.size)
    for name, draws in (("y", "draws"), ("y@2", "draws@2"), ("grad_x", "draws-back")):
        if name not in kept or abs(kept[name].sum() - expected) > spread:
            continue
        if name != "y" and "y" in kept and np.array_equal(kept[name], kept["y"]):
            continue
        believed = np.where(kept[name], 1.0, 0.0)
        if len(x) > 1 and (kept[name] == kept[name][:1]).all():
            believed[1:] = arrays[draws][1:]
        arrays[draws] = believed
    return replace(case, arrays=arrays)


_SHAPES = (
    ("a matrix", (6, 12), 0.3, True),
    ("images", (3, 2, 4, 5), 0.6, True),
    ("evaluation of a matrix", (4, 7), 0.3, False),
)
_SMALL = (
    ("eight numbers", (2, 4), 0.25, True),
    ("four numbers in evaluation", (2, 2), 0.25, False),
)


def _cases(
    shapes: tuple[tuple[str, tuple[int, ...], float, bool], ...], limits: Limits, whole: bool
) -> list[Case]:
    made = []
    for name, wanted, p, training in shapes:
        if limits.fixed.get("training", training) != training:
            continue
        rank = limits.rank or len(wanted)
        shape = (wanted * rank)[:rank] if rank > 1 else (int(np.prod(wanted)),)
        if rank == 2:
            shape = (wanted[0], int(np.prod(wanted[1:])))
        shape = shape if limits.batch or rank == 1 else (1, *shape[1:])
        arrays = draw(f"dropout {name}", {"x": shape, "grad_y": shape}, whole)
        for draws in ("draws", "draws@2", "draws-back"):
            arrays[draws] = generator(0, "doctor", f"dropout {name} {draws}").random(shape)
        options = {"p": limits.fixed.get("p", p), "training": training}
        made.append(Case(name, arrays, options))
    return made


DROPOUT = Kind(
    name="dropout",
    inputs=("x", "grad_y"),
    results=("y", "grad_x"),
    slips=words("dropout"),
    conventions=(
        Convention(
            "scale",
            "where the missing units are made up for",
            {
                "training": "in training, by 1 / (1 - p); evaluation leaves the numbers alone",
                "evaluation": "in evaluation, by 1 - p; training only drops",
            },
            ("y", "grad_x"),
        ),
    ),
    make_cases=lambda limits: _cases(_SHAPES, limits, whole=False),
    make_small=lambda limits: _cases(_SMALL, limits, whole=True),
    compute=compute,
    read_draws=read_draws,
)
