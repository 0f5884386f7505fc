"""Compute the input gradient of a strided convolution with and without inserted zeros.

The article spreads `grad_y` to stride 1 with zeros, pads it, and convolves it with the kernel
turned by 180 degrees, input and output channels exchanged. ``conv2d.backward_input`` gives the
same numbers without multiplying by a zero.
"""

from statistics import median
from time import perf_counter

import numpy as np

from clearconv.ops import conv2d

rng = np.random.default_rng(0)
N, C, O, K, S, size = 8, 16, 32, 3, 2, 55
weight = rng.standard_normal((O, C, K, K)).astype(np.float32)
x_shape = (N, C, size, size)
out = (size - K) // S + 1
grad_y = rng.standard_normal((N, O, out, out)).astype(np.float32)


def with_zeros():
    """Spread, pad by K - 1, and convolve with the turned kernel."""
    spread = np.zeros((N, O, (out - 1) * S + 1, (out - 1) * S + 1), np.float32)
    spread[:, :, ::S, ::S] = grad_y
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, O, K, K)
    return conv2d.forward(spread, turned, padding=K - 1)


def without():
    """Let every output hand its gradient back to its patch."""
    return conv2d.backward_input(grad_y, weight, x_shape, stride=S)


difference = np.max(np.abs(with_zeros() - without()))
print(f"largest difference {difference:.1e}, values up to {np.max(np.abs(without())):.0f}")
seconds = {"with zeros": [], "without": []}
for _ in range(15):
    for name, way in (("with zeros", with_zeros), ("without", without)):
        start = perf_counter()
        way()
        seconds[name].append(perf_counter() - start)
ratio = median(seconds["with zeros"]) / median(seconds["without"])
print(f"inserting zeros takes {ratio:.1f} times as long")
