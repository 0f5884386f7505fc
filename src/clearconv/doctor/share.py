"""Dropout's p as the learner means it: the share that is dropped, or the share that is kept."""

import re
from dataclasses import replace

from clearconv.doctor.kinds import Slip
from clearconv.doctor.layout import Layout

_KEPT = (
    (r"\(1 - p\)", "\0"),
    (r"1 - p\b", "\0"),
    (r">= p\b", "< \0"),
    (r"\bp\b", "1 - p"),
    ("\0", "p"),
)


def share(p: float, layout: Layout) -> float:
    """Return p as the learner's code is given it.

    Parameters
    ----------
    p : float
        The share that is dropped.
    layout : Layout
        The learner's layout.
    """
    return 1 - p if layout.other == "keep" else p


def spoken(text: str, layout: Layout) -> str:
    """Return a text about dropout in terms of the learner's p.

    Parameters
    ----------
    text : str
        Text written for the share that is dropped.
    layout : Layout
        The learner's layout.
    """
    if layout.other != "keep":
        return text
    for pattern, other in _KEPT:
        text = re.sub(pattern, other, text)
    return text


def spoken_slip(slip: Slip, layout: Layout) -> Slip:
    """Return a mistake, described in terms of the learner's p.

    Parameters
    ----------
    slip : Slip
        Mistake from the catalogue.
    layout : Layout
        The learner's layout.
    """
    title, why, remedy = (spoken(text, layout) for text in (slip.title, slip.why, slip.remedy))
    return replace(slip, title=title, why=why, remedy=remedy)
