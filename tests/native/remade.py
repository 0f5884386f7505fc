"""The same array in other memory: whatever a kernel is given, the bits are the same."""

import numpy as np


def channels_last(array):
    if array.ndim != 4:
        return array
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def misaligned(array):
    memory = np.empty(array.nbytes + 1, np.uint8)
    copy = memory[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


def reversed_axes(array):
    turned = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[turned])[turned]


def shifted(array):
    """Return a view whose neighbours in memory are NaN: reading one of them would show."""
    memory = np.full([length + 2 for length in array.shape], np.nan, array.dtype)
    view = memory[(slice(1, -1),) * array.ndim]
    view[...] = array
    return view
