"""The cases on which a mistake in a convolution cannot hide."""

from clearconv.doctor.kinds._geometry import Geometry, narrow
from clearconv.doctor.kinds._kind import Case, Limits
from clearconv.doctor.kinds._numbers import draw

GEOMETRIES = (
    Geometry("all sizes unequal", 2, 3, 4, (5, 6), (3, 2)),
    Geometry("stride 2x3, leftover rows, padding", 3, 2, 3, (9, 12), (3, 4), (2, 3), (1, 2)),
    Geometry("as many channels out as in", 2, 3, 3, (4, 5), (3, 3), padding=(1, 0)),
    Geometry("kernel higher than wide, padding 2x1", 2, 2, 3, (5, 4), (4, 2), (1, 1), (2, 1)),
    Geometry("dilation 2x3", 2, 2, 3, (7, 9), (3, 2), (1, 2), (1, 0), (2, 3)),
    Geometry("stride 3x2, two leftover rows", 2, 2, 2, (8, 6), (2, 3), (3, 2), (1, 0)),
)

SMALL = (
    Geometry("one channel", 1, 1, 1, (3, 3), (2, 2)),
    Geometry("one channel, kernel 1x2", 1, 1, 1, (2, 3), (1, 2)),
    Geometry("one channel, kernel 2x1", 1, 1, 1, (3, 2), (2, 1)),
    Geometry("stride 2", 1, 1, 1, (4, 4), (2, 2), (2, 2)),
    Geometry("stride 2, leftover row", 1, 1, 1, (5, 4), (2, 2), (2, 2)),
    Geometry("stride 1x2", 1, 1, 1, (3, 4), (2, 2), (1, 2)),
    Geometry("padding 1", 1, 1, 1, (2, 2), (2, 2), (1, 1), (1, 1)),
    Geometry("padding 1x0", 1, 1, 1, (2, 3), (2, 2), (1, 1), (1, 0)),
    Geometry("dilation 2", 1, 1, 1, (4, 4), (2, 2), dilation=(2, 2)),
    Geometry("two channels in", 1, 2, 1, (3, 3), (2, 2)),
    Geometry("two filters", 1, 1, 2, (3, 3), (2, 2)),
    Geometry("two channels, two filters", 1, 2, 2, (3, 3), (2, 2)),
    Geometry("two images", 2, 1, 1, (3, 3), (2, 2)),
)


def cases(limits: Limits) -> list[Case]:
    """Return the cases, with normal numbers."""
    return [_case(geometry, limits, whole=False) for geometry in narrow(GEOMETRIES, limits)]


def small_cases(limits: Limits) -> list[Case]:
    """Return cases that can be redone by hand, smallest first."""
    return [_case(geometry, limits, whole=True) for geometry in narrow(SMALL, limits)]


def _case(g: Geometry, limits: Limits, whole: bool) -> Case:
    """Fill a geometry with numbers."""
    shapes = {
        "x": (g.N, g.C, *g.image),
        "weight": (g.O, g.C, *g.kernel),
        "bias": (g.O,),
        "grad_y": (g.N, g.O, *g.output()),
    }
    if not limits.bias:
        del shapes["bias"]
    return Case(g.name, draw(f"conv2d {g.name}", shapes, whole), {**g.options(), "lr": 0.1})
