"""LaTeX as MathML, which browsers set by themselves."""

import re
from html import escape

from latex2mathml.converter import convert

_INLINE = re.compile(r"\$([^$]+)\$|:math:`([^`]+)`")


def display(latex: str) -> str:
    r"""Set a formula on a line of its own, or several of them, one below the other.

    Parameters
    ----------
    latex : str
        Formulas, with ``\qquad`` between them.

    Returns
    -------
    html : str
    """
    parts = (part.strip().rstrip(",") for part in latex.split(r"\qquad"))
    return "".join(convert(part, display="block") for part in parts if part)


def prose(text: str) -> str:
    """Escape plain text, and set the formulas in it.

    Parameters
    ----------
    text : str
        With formulas between dollars, or in reStructuredText's way.

    Returns
    -------
    html : str
    """
    pieces, end = [], 0
    for found in _INLINE.finditer(text):
        pieces += [escape(text[end : found.start()]), convert(found[1] or found[2])]
        end = found.end()
    return "".join([*pieces, escape(text[end:])])
