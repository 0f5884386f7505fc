"""One pass of a network with every number kept, and how each number was computed."""

from clearconv.ops.geometry.tables import AxisTaps
from clearconv.tracing._data import (
    AdamSettings,
    BufferTrace,
    LayerTrace,
    LossTrace,
    ParameterTrace,
    SGDSettings,
    UpdateSettings,
    UpdateTrace,
)
from clearconv.tracing._explanation import Explanation, Factor, Step, Term
from clearconv.tracing._function import Function
from clearconv.tracing._record import trace
from clearconv.tracing._taps import Taps
from clearconv.tracing._trace import Trace

__all__ = [
    "AdamSettings",
    "AxisTaps",
    "BufferTrace",
    "Explanation",
    "Factor",
    "Function",
    "LayerTrace",
    "LossTrace",
    "ParameterTrace",
    "SGDSettings",
    "Step",
    "Taps",
    "Term",
    "Trace",
    "UpdateSettings",
    "UpdateTrace",
    "trace",
]
