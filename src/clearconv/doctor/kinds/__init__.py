"""The kinds of layer that the doctor knows, each with its catalogue of executable mistakes."""

from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits, Slip
from clearconv.doctor.kinds.activation import RELU, SIGMOID
from clearconv.doctor.kinds.avg_pool2d import AVG_POOL2D
from clearconv.doctor.kinds.batch_norm import BATCH_NORM
from clearconv.doctor.kinds.conv2d import CONV2D
from clearconv.doctor.kinds.dropout import DROPOUT
from clearconv.doctor.kinds.im2col import COL2IM, IM2COL
from clearconv.doctor.kinds.linear import LINEAR
from clearconv.doctor.kinds.max_pool2d import MAX_POOL2D
from clearconv.doctor.kinds.softmax import SOFTMAX, SOFTMAX_CROSS_ENTROPY

__all__ = ["KINDS", "Arrays", "Case", "Convention", "Kind", "Limits", "Slip"]

_ALL = (
    CONV2D,
    MAX_POOL2D,
    AVG_POOL2D,
    IM2COL,
    COL2IM,
    LINEAR,
    RELU,
    SIGMOID,
    BATCH_NORM,
    DROPOUT,
    SOFTMAX,
    SOFTMAX_CROSS_ENTROPY,
)

#: By name.
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
