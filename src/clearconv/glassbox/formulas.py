"""LaTeX as MathML, which browsers render by themselves."""

import re
from html import escape

from latex2mathml.converter import convert

_INLINE = re.compile(r"\$([^$]+)\$|:math:`([^`]+)`")


def display(latex: str) -> str:
    r"""Render a formula on a line of its own, or several of them, one below the other.

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
    """Escape plain text, and render the formulas in it.

    Parameters
    ----------
    text : str
        Text with formulas between dollars, or in reStructuredText's form.

    Returns
    -------
    html : str
    """
    pieces, end = [], 0
    for found in _INLINE.finditer(text):
        pieces += [escape(text[end : found.start()]), convert(found[1] or found[2])]
        end = found.end()
    return "".join([*pieces, escape(text[end:])])
