"""A confusion matrix as a table of coloured numbers."""

from collections.abc import Mapping, Sequence
from html import escape

#: With more columns than the first number names are vertical; than the second, cells are smaller.
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
    """Return counts by true and predicted class as a table.

    Correct answers, on the diagonal, are blue, mistakes orange; the larger a cell's share of its
    row, the stronger its colour. Mistakes start at a visible tint: one in a hundred is visible.

    Parameters
    ----------
    counts : sequence of K sequences of K ints
        Row = true class, column = predicted class.
    names : sequence of K str
        Names of the classes.
    corner : str
        Description of rows and columns.
    links : dict, optional
        (row, column) -> target of a click on that number.

    Returns
    -------
    html : str
        A table, in a frame that scrolls sideways if it is wider than the page.
    """
    links = links or {}
    K = len(names)
    # single words fit side by side; others are vertical
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
            said = f"{count} of {sum(row)} {name} predicted as {names[j]}"
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
