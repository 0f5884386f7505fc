"""Draw the picture of the README: a kernel that finds vertical edges walks over a small image."""

import sys

import numpy as np

from clearconv.pages import moving_kernel

image = np.array(
    [
        [0, 0, 3, 3, 3],
        [0, 0, 3, 3, 3],
        [0, 3, 3, 3, 0],
        [3, 3, 3, 0, 0],
        [3, 3, 0, 0, 0],
    ],
    dtype=float,
)
vertical_edges = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=float)

sys.stdout.write(moving_kernel(image, vertical_edges))
