"""The gradient of the filters from a sum taken by Winograd's algorithm.

The loops and the matrix telling take no such sums, but they can finish those of the native one.
"""

import numpy as np

from clearconv.arrays import Array, put

POINTS = 36  # a window's 6 rows and 6 columns

# G of native/winograd/winograd.h: the values of a parabola at 0, ±√½, ±√2 and infinity, scaled
_ROOT = np.sqrt(0.5)
_G = np.array(
    [
        [1, 0, 0],
        [-2 / 3, -2 / 3 * _ROOT, -1 / 3],
        [-2 / 3, 2 / 3 * _ROOT, -1 / 3],
        [1 / 6, _ROOT / 3, 1 / 3],
        [1 / 6, -_ROOT / 3, 1 / 3],
        [0, 0, 1],
    ]
)


def weight_from_sum(sum: Array, out: Array | None = None) -> Array:
    """Back from 36 points to nine taps: Gᵀ m G."""
    _, C, O = sum.shape
    points, G = sum.reshape(6, 6, C, O), _G.astype(sum.dtype)
    rows = np.tensordot(G, points, (0, 0))  # (3, 6) of points and taps: (3, 6, C, O)
    taps = np.tensordot(G, rows, (0, 1))  # (3 columns, 3 rows, C, O)
    return put(np.ascontiguousarray(taps.transpose(3, 2, 1, 0)), out)  # (O, C, 3, 3)
