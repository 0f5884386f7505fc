"""Curves over a common axis."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import isfinite, nan

from clearconv.errors import ShapeError
from clearconv.pages.axes import Axes, figure, number, rounded, span

#: With more points than this, single points get no target.
_AIMED = 200


def line_chart(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    x_label: str,
    percent: bool = False,
    from_zero: bool = False,
    log_x: bool = False,
    mark: tuple[float, str] | None = None,
) -> str:
    """Draw curves over a common axis; a single one has no key, several also differ in dashes.

    Parameters
    ----------
    x : sequence of n floats
        In ascending order.
    lines : dict
        Name -> n values; None and values that are not finite leave a gap. Up to four lines.
    title : str
        Quantity shown, with its unit.
    x_label : str
        Label of the axis.
    percent : bool
        Whether values are shares, shown as percentages.
    from_zero : bool
        Whether the range of y includes 0.
    log_x : bool
        Whether x, all positive, is on a logarithmic scale.
    mark : (float, str), optional
        Position on the axis, and its label.

    Returns
    -------
    html : str
        A figure that shows the value under the pointer.

    Raises
    ------
    ShapeError
        If there are no points, or a line is not as long as x.
    """
    for name, values in lines.items():
        if len(values) != len(x) or not len(x):
            raise ShapeError(
                f"line_chart: {name!r} has {len(values)} values, but x has {len(x)}; each line "
                "needs a value (or None) for every x, at least one."
            )
    known = {
        name: [nan if value is None else float(value) for value in values]
        for name, values in lines.items()
    }
    everything = [value for values in known.values() for value in values]
    axes = Axes(span(list(x)), rounded(*span(everything, 0.0 if from_zero else None)), log_x)
    whole = all(place == round(place) for place in x)
    parts = [axes.frame(x_label, percent, whole)]
    if mark is not None:
        place, low, high = axes.across(mark[0]), axes.up(axes.y[0]), axes.up(axes.y[1])
        share = place / axes.across(axes.x[1])
        side = "start" if share < 0.3 else "end" if share > 0.8 else "middle"
        parts.append(
            f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="{low:.1f}" '
            f'y2="{high:.1f}"/><text x="{place:.1f}" y="{high - 7:.1f}" text-anchor="{side}">'
            f"{escape(mark[1])}</text>"
        )
    for place, (name, values) in enumerate(known.items(), 1):
        drawn = "".join(_curve(axes, name, x, values, x_label, percent))
        parts.append(f'<g class="k{place}">{drawn}</g>')
    last = "; ".join(
        f"{name} ends at {number(values[-1], percent)}"
        for name, values in known.items()
        if isfinite(values[-1])
    )
    keys = list(lines) if len(lines) > 1 else []
    return figure(title, keys, f"{title} by {x_label}. {last}", "".join(parts))


def _curve(
    axes: Axes, name: str, x: Sequence[float], y: Sequence[float], x_label: str, percent: bool
) -> Iterator[str]:
    """Draw the segments between gaps, and a target on every point."""
    stretch: list[tuple[float, float]] = []
    for place, value in [*zip(x, y, strict=True), (nan, nan)]:
        if isfinite(value) and isfinite(place):
            stretch.append((axes.across(place), axes.up(value)))
            continue
        if len(stretch) == 1:
            yield f'<circle class="dot" cx="{stretch[0][0]:.1f}" cy="{stretch[0][1]:.1f}" r="3"/>'
        elif stretch:
            points = " ".join(f"{across:.1f},{up:.1f}" for across, up in stretch)
            yield f'<polyline points="{points}"/>'
        stretch = []
    if len(x) > _AIMED:
        return
    for place, value in zip(x, y, strict=True):
        if isfinite(value):
            said = f"{name}, {x_label} {number(place)}: {number(value, percent)}"
            yield (
                f'<circle class="aim" cx="{axes.across(place):.1f}" cy="{axes.up(value):.1f}" '
                f'r="4"><title>{escape(said)}</title></circle>'
            )
