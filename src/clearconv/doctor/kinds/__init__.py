"""The kinds of layer that the doctor knows, each with its catalogue of executable mistakes."""

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits, Slip
from clearconv.doctor.kinds.avg_pool2d import AVG_POOL2D
from clearconv.doctor.kinds.conv2d import CONV2D
from clearconv.doctor.kinds.im2col import COL2IM, IM2COL
from clearconv.doctor.kinds.max_pool2d import MAX_POOL2D

__all__ = ["KINDS", "Arrays", "Case", "Convention", "Kind", "Limits", "Slip"]

_ALL = (CONV2D, MAX_POOL2D, AVG_POOL2D, IM2COL, COL2IM)

#: By name.
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
