"""A confusion matrix as a table: colour for the eye, the number for certainty."""

from collections.abc import Mapping, Sequence
from html import escape

#: Beyond so many columns names stand upright; beyond the second, cells shrink.
_STEEP, _SMALL = 6, 24
#: From this share of its row on, a cell is dark enough for light digits.
_DEEP = 0.6


def matrix(
    counts: Sequence[Sequence[int]],
    names: Sequence[str],
    *,
    corner: str,
    links: Mapping[tuple[int, int], str] | None = None,
) -> str:
    """Lay out counts by true and predicted class.

    Right answers, on the diagonal, are blue, mistakes orange; a cell is the fuller, the larger its
    share of its row. Mistakes begin at a visible tint: one in a hundred should be seen.

    Parameters
    ----------
    counts : sequence of K sequences of K ints
        Row = true class, column = predicted class.
    names : sequence of K str
        The classes.
    corner : str
        What rows and columns are.
    links : dict, optional
        (row, column) -> where a click on that number leads.

    Returns
    -------
    html : str
        A table, in a frame that scrolls sideways where it is wider than the page.
    """
    links = links or {}
    K = len(names)
    # single words fit side by side; others stand upright
    steep = K > _STEEP and max(map(len, names)) > 3 or sum(map(len, names)) > 48
    kind = "matrix" + (" steep" if steep else "") + (" small" if K > _SMALL else "")
    head = "".join(f'<th scope="col" title="{escape(n)}">{escape(n)}</th>' for n in names)
    body = []
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = max(1, sum(row))
        cells = []
        for j, count in enumerate(row):
            if count == 0:
                zero = "" if K > _SMALL else "0"
                cells.append(f'<td class="none">{zero}</td>')
                continue
            said = f"{count} of {sum(row)} {name} named {names[j]}"
            text = f'<a href="{escape(links[i, j])}">{count}</a>' if (i, j) in links else str(count)
            share = count / total
            tint = 0.08 + 0.87 * share if i == j else 0.2 + 0.75 * share
            style = f"{'right' if i == j else 'wrong'}{' deep' if share > _DEEP else ''}"
            cells.append(
                f'<td class="{style}" style="--share:{tint:.2f}" title="{escape(said)}">{text}</td>'
            )
        body.append(
            f'<tr><th scope="row" title="{escape(name)}">{escape(name)}</th>{"".join(cells)}</tr>'
        )
    return (
        f'<div class="scroll"><p class="soft">{escape(corner)}</p><table class="{kind}">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
        "</table></div>"
    )
