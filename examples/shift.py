"""Measure how much features change when the image moves by one pixel.

The same convolution's features are compared before pooling and after max pooling with larger and
larger windows: pooling reduces the effect of small shifts, but only within a window.
"""

import numpy as np

from clearconv import Conv2d, data
from clearconv.ops import max_pool2d

digits = data.open_data("digits")
images = np.stack([digits.image(i) for i in range(500)])  # (500, 8, 8, 1)
x = np.pad(images.transpose(0, 3, 1, 2) / np.float32(255), ((0, 0), (0, 0), (4, 4), (4, 4)))
moved = np.roll(x, 1, axis=3)  # one pixel to the right; the margin is empty

layer = Conv2d(16, 3, padding=1, activation="relu").build(x.shape[1:], seed=0)
before, after = layer(x.astype(np.float32)), layer(moved.astype(np.float32))

print("max pooling  features change by")
for window in (1, 2, 4, 8, 16):
    a, b = (max_pool2d.forward(features, window) for features in (before, after))
    change = np.linalg.norm(a - b) / np.linalg.norm(a)
    print(f"{window:2d} x {window:<2d}      {change:6.1%}")
