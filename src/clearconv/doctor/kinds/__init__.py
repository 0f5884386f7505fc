"""The kinds of layer that the doctor knows, each with its catalogue of executable mistakes."""

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits, Slip

__all__ = ["KINDS", "Arrays", "Case", "Convention", "Kind", "Limits", "Slip"]

#: By name.
KINDS: dict[str, Kind] = {}
