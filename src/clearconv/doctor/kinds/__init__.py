"""The kinds of layer that the doctor knows, each with its catalogue of executable mistakes."""

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits, Slip
from clearconv.doctor.kinds.conv2d import CONV2D

__all__ = ["KINDS", "Arrays", "Case", "Convention", "Kind", "Limits", "Slip"]

#: By name.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (CONV2D,)}
