"""The article's own example, printed as in the article: one convolution, forward and backward."""

import numpy as np

from clearconv.article import ConvLayer, IdentityActivator, gradient_check

# A 5x5 image of three channels, (channel, row, column).
a = np.array(
    [
        [[0, 1, 1, 0, 2], [2, 2, 2, 2, 1], [1, 0, 0, 2, 0], [0, 1, 1, 0, 0], [1, 2, 0, 0, 2]],
        [[1, 0, 2, 2, 0], [0, 0, 0, 2, 0], [1, 2, 1, 2, 1], [1, 0, 0, 0, 0], [1, 2, 1, 1, 1]],
        [[2, 1, 2, 0, 0], [1, 0, 0, 1, 0], [0, 2, 1, 0, 1], [0, 1, 2, 2, 2], [2, 1, 0, 0, 1]],
    ]
)
# The error terms that the layer receives, one per output.
b = np.array([[[0, 1, 1], [2, 2, 2], [1, 0, 0]], [[1, 0, 2], [0, 0, 0], [1, 2, 1]]])

layer = ConvLayer(5, 5, 3, 3, 3, 2, 1, 2, IdentityActivator(), 0.001)
layer.filters[0].weights = np.array(
    [
        [[-1, 1, 0], [0, 1, 0], [0, 1, 1]],
        [[-1, -1, 0], [0, 0, 0], [0, -1, 0]],
        [[0, 0, -1], [0, 1, 0], [1, -1, -1]],
    ],
    dtype=np.float64,
)
layer.filters[0].bias = 1
layer.filters[1].weights = np.array(
    [
        [[1, 1, -1], [-1, -1, 1], [0, -1, 1]],
        [[0, 1, 0], [-1, 0, -1], [-1, 1, 0]],
        [[-1, 0, 0], [-1, 0, 1], [-1, 0, 0]],
    ],
    dtype=np.float64,
)

check = gradient_check(layer, a)

layer.forward(a)
print("forward:", layer.output_array)
layer.backward(a, b, IdentityActivator())
layer.update()
print("filter1 after the update:", layer.filters[0])
print("filter2 after the update:", layer.filters[1])
print("gradient check:", check, sep="\n")
