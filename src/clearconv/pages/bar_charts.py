"""Bars: horizontal, one per name; or vertical, one per interval of an axis."""

from collections.abc import Sequence
from html import escape

from clearconv.errors import ShapeError
from clearconv.pages.axes import Axes, figure, fixed, number


def bars(
    rows: Sequence[tuple[str, float]],
    *,
    head: tuple[str, str],
    decimals: int = 2,
    whole: float | None = None,
) -> str:
    """Return named values as a table with one bar each.

    Parameters
    ----------
    rows : sequence of (str, float)
        Name and value; there is no bar below 0.
    head : (str, str)
        Headings of the names and the values.
    decimals : int
        Number of decimals.
    whole : float, optional
        Value of a full bar; by default the largest value.

    Returns
    -------
    html : str
        A table.
    """
    if whole is None:
        whole = max([value for _, value in rows if value > 0], default=1.0)
    cells = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">'
        f"{fixed(value, decimals)}</td>"
        f'<td class="bar"><i style="width:{100 * max(0.0, value) / whole:.1f}%"></i></td></tr>'
        for name, value in rows
    )
    return (
        f'<table><thead><tr><th>{escape(head[0])}</th><th class="number">{escape(head[1])}</th>'
        f"<th></th></tr></thead><tbody>{cells}</tbody></table>"
    )


def histogram(
    edges: Sequence[float],
    heights: Sequence[float | None],
    *,
    title: str,
    x_label: str,
    notes: Sequence[str] = (),
    percent: bool = False,
    diagonal: str | None = None,
) -> str:
    """Draw one vertical bar for each interval of an axis.

    Parameters
    ----------
    edges : sequence of n + 1 floats
        Ends of the intervals, ascending.
    heights : sequence of n floats
        Heights, at least 0; None leaves an interval empty.
    title : str
        Quantity shown, with its unit.
    x_label : str
        Label of the axis.
    notes : sequence of str
        Texts shown when the pointer is over a bar, one per bar; the heights by default.
    percent : bool
        Whether heights are shares, shown as percentages of at most 100.
    diagonal : str, optional
        Name of the line y = x, which is then drawn.

    Returns
    -------
    html : str
        A figure.

    Raises
    ------
    ShapeError
        If there is not one interval for each height.
    """
    if len(edges) != len(heights) + 1 or not len(heights):
        raise ShapeError(
            f"histogram: {len(edges)} edges and {len(heights)} heights, but n bars have n + 1 "
            "edges, n at least 1."
        )
    known = [height for height in heights if height is not None]
    top = 1.0 if percent else max(known, default=1.0) or 1.0
    axes = Axes((edges[0], edges[-1]), (0.0, top))
    parts = [axes.frame(x_label, percent), '<g class="k1">']
    for place, height in enumerate(heights):
        if height is None:
            continue
        left, right = axes.across(edges[place]) + 1, axes.across(edges[place + 1]) - 1
        note = notes[place] if notes else number(height, percent)
        parts.append(
            f'<rect class="bar" x="{left:.1f}" y="{axes.up(height):.1f}" '
            f'width="{right - left:.1f}" height="{axes.up(0) - axes.up(height):.1f}">'
            f"<title>{escape(note)}</title></rect>"
        )
    parts.append("</g>")
    keys = []
    if diagonal is not None:
        ends = [(end, end) for end in (max(edges[0], 0.0), min(edges[-1], top))]
        points = " ".join(f"{axes.across(x):.1f},{axes.up(y):.1f}" for x, y in ends)
        parts.append(f'<g class="k2"><polyline points="{points}"/></g>')
        keys = ["measured", diagonal]
    about = f"{title} by {x_label}: " + ", ".join(number(height, percent) for height in known)
    return figure(title, keys, about, "".join(parts))
