"""The cases on which a mistake in pooling cannot hide: overlaps, ties, negatives at the border."""

from clearconv.doctor.kinds._geometry import Geometry, narrow
from clearconv.doctor.kinds._kind import Case, Limits
from clearconv.doctor.kinds._numbers import draw

GEOMETRIES = (
    Geometry("overlapping windows, all sizes unequal", 2, 3, 3, (6, 7), (3, 2), (2, 1)),
    Geometry("ties, padding 1x2, leftover row", 2, 2, 2, (7, 9), (3, 4), (2, 3), (1, 2)),
    Geometry("ties, overlapping windows", 3, 2, 2, (5, 7), (2, 3), (1, 2)),
    Geometry("dilation 2x3", 2, 2, 2, (7, 8), (3, 2), (2, 1), (1, 0), (2, 3)),
    Geometry("windows apart, two leftover rows", 2, 2, 2, (7, 8), (2, 3), (3, 4)),
    Geometry("windows side by side", 3, 2, 2, (6, 8), (3, 2), (3, 2)),
    Geometry("square windows, padding 1", 2, 3, 3, (5, 6), (3, 3), (2, 2), (1, 1)),
)

SMALL = (
    Geometry("one channel, ties", 1, 1, 1, (2, 2), (2, 2)),
    Geometry("one channel", 1, 1, 1, (3, 3), (2, 2)),
    Geometry("one channel, window 1x2", 1, 1, 1, (2, 3), (1, 2)),
    Geometry("one channel, window 2x3", 1, 1, 1, (3, 4), (2, 3)),
    Geometry("one channel, window 3x2", 1, 1, 1, (3, 4), (3, 2)),
    Geometry("stride 2", 1, 1, 1, (4, 4), (2, 2), (2, 2)),
    Geometry("stride 1x2", 1, 1, 1, (3, 4), (2, 2), (1, 2)),
    Geometry("stride 2, leftover row", 1, 1, 1, (5, 4), (2, 2), (2, 2)),
    Geometry("padding 1", 1, 1, 1, (2, 2), (2, 2), (1, 1), (1, 1)),
    Geometry("padding 1x0", 1, 1, 1, (2, 3), (2, 2), (1, 1), (1, 0)),
    Geometry("dilation 2", 1, 1, 1, (4, 4), (2, 2), dilation=(2, 2)),
    Geometry("two channels", 1, 2, 2, (3, 3), (2, 2)),
    Geometry("two images", 2, 1, 1, (3, 3), (2, 2)),
)


def cases(limits: Limits) -> list[Case]:
    """Return the cases, with normal numbers, or few whole ones where there are to be ties."""
    return [_case(geometry, limits, whole=False) for geometry in narrow(GEOMETRIES, limits, 2)]


def small_cases(limits: Limits) -> list[Case]:
    """Return cases that can be redone by hand, smallest first."""
    return [_case(geometry, limits, whole=True) for geometry in narrow(SMALL, limits, 2)]


def _case(g: Geometry, limits: Limits, whole: bool) -> Case:
    """Fill a geometry with numbers."""
    ties = "ties" in g.name
    x = draw(f"pool {g.name}", {"x": (g.N, g.C, *g.image)}, whole, (-2.0, -1.0) if ties else None)
    y = draw(f"pool {g.name}", {"grad_y": (g.N, g.C, *g.output())}, whole)
    return Case(g.name, x | y, g.options())
