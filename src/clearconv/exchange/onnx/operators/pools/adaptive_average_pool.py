"""The mean of each cell, for which ONNX has no operator.

Where the cells are equal it is an AveragePool, elsewhere two products.
"""

from collections.abc import Sequence

import numpy as np

from clearconv.exchange.onnx.operators.base.along import along_both
from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import AdaptiveAvgPool2d

LAYERS = (AdaptiveAvgPool2d,)


def write(node: AdaptiveAvgPool2d, inputs: Sequence[str], to: Writer) -> str:
    """Write one pooling, or a product for each axis."""
    size, output = node.input_shape[1:], node.output_shape[1:]
    if output == (1, 1):
        return to.op("GlobalAveragePool", inputs[0])
    if all(n % m == 0 for n, m in zip(size, output, strict=True)):
        cell = [n // m for n, m in zip(size, output, strict=True)]
        return to.op("AveragePool", inputs[0], kernel_shape=cell, strides=cell)
    down, across = (_cells(n, m) for n, m in zip(size, output, strict=True))
    return along_both(inputs[0], down, across, to)


def _cells(n: int, m: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the matrix (m, n) that takes the mean of each of m cells."""
    matrix = np.zeros((m, n), np.float32)
    for p in range(m):
        start, end = p * n // m, -(-(p + 1) * n // m)
        matrix[p, start:end] = 1 / (end - start)
    return matrix
