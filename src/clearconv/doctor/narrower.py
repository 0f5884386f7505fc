"""The widest limits within which a layer runs, if it does not accept every case."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from clearconv.doctor.kinds import Limits
from clearconv.doctor.layer import Layer, SortedTrials
from clearconv.doctor.sandbox import Job

_WINDOWS = ("conv2d", "max_pool2d", "avg_pool2d", "im2col", "col2im")

Way = tuple[str, Callable[[Limits], Limits]]


def _fixed(option: str, value: object) -> Callable[[Limits], Limits]:
    return lambda limits: replace(limits, fixed={**limits.fixed, option: value})


#: What can be required of a case, in words and as a limit: the mildest first, in a
#: family as well.
_FAMILIES: tuple[tuple[Way, ...], ...] = (
    (("windows that fit the image exactly", lambda limits: replace(limits, leftover=False)),),
    (("square windows", lambda limits: replace(limits, square_kernel=True)),),
    (("square images", lambda limits: replace(limits, square_image=True)),),
    (("as many channels out as in", lambda limits: replace(limits, same_channels=True)),),
    (("no dilation", _fixed("dilation", (1, 1))),),
    (
        ("equal strides", lambda limits: replace(limits, one_stride=True)),
        ("stride 1", _fixed("stride", (1, 1))),
    ),
    (
        ("equal padding on both axes", lambda limits: replace(limits, one_padding=True)),
        ("no padding", _fixed("padding", (0, 0))),
    ),
    (("one image at a time", lambda limits: replace(limits, batch=False)),),
)
_STRIDES = 5
_SIDE_BY_SIDE: Way = ("windows side by side", _fixed("stride", "kernel"))


def narrowest(layer: Layer, limits: Limits) -> Limits:
    """Return the tightest known limits.

    Parameters
    ----------
    layer : Layer
        Layer that should run within them.
    limits : Limits
        Limits that hold in any case.
    """
    return _applied(limits, [family[-1] for family in _families(layer)])


def narrowed(
    layer: Layer, layout: int, limits: Limits, bad: Callable[[SortedTrials], bool]
) -> tuple[Limits, list[str]] | None:
    """Return the widest limits within which a layer runs, and what they require, in words.

    Every limit is loosened by itself while the others are tight; those that can be loosened are
    then loosened together. If that is too much, one more limit is tried.

    Parameters
    ----------
    layer : Layer
        The layer.
    layout : int
        Number of its layout.
    limits : Limits
        Limits within which it does not accept every case.
    bad : callable
        Whether the cases within a limit did not all run as they should.

    Returns
    -------
    tuple or None
        None if it does not run within the tightest limits either.
    """
    families = _families(layer)
    tight = [family[-1] for family in families]
    loosened = [
        (at, tight[:at] + list(family[:level][-1:]) + tight[at + 1 :])
        for at, family in enumerate(families)
        for level in range(len(family))
    ]
    well = _well(layer, layout, limits, [tight, *(ways for _, ways in loosened)], bad)
    if not well[0]:
        return None
    needed: list[Way] = []
    for at, family in enumerate(families):
        levels = [ok for (place, _), ok in zip(loosened, well[1:], strict=True) if place == at]
        weakest = next((level for level, ok in enumerate(levels) if ok), len(family))
        needed += family[:weakest][-1:]
    further = [way for family in families for way in family if way not in needed]
    tries = [needed, *([*needed, way] for way in further), tight]
    well = _well(layer, layout, limits, tries, bad)
    ways = next(ways for ways, ok in zip(tries, [*well[:-1], True], strict=True) if ok)
    return _applied(limits, ways), [words for words, _ in ways]


def _families(layer: Layer) -> list[tuple[Way, ...]]:
    if layer.kind.name not in _WINDOWS:
        return list(_FAMILIES[-1:])
    families = list(_FAMILIES)
    if "pool" in layer.kind.name:
        families[_STRIDES] = (families[_STRIDES][0], _SIDE_BY_SIDE)
    return families


def _applied(limits: Limits, ways: Sequence[Way]) -> Limits:
    for _, apply in ways:
        limits = apply(limits)
    return limits


def _well(
    layer: Layer,
    layout: int,
    limits: Limits,
    tries: Sequence[Sequence[Way]],
    bad: Callable[[SortedTrials], bool],
) -> list[bool]:
    """Run the cases of each of these limits, all in one process; return where all went well."""
    made = [layer.cases(_applied(limits, ways), layout) for ways in tries]
    answers = layer.answers([Job(case, layout) for cases in made for case in cases])
    found, start = [], 0
    for cases in made:
        part = answers[start : start + len(cases)]
        start += len(cases)
        ran = all(answer.part != "waiting" for answer in part)
        found.append(bool(cases) and ran and not bad(layer.sorted(cases, part)))
    return found
