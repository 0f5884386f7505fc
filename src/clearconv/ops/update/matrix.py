"""Updates of whole arrays, piece by piece: a piece's intermediate results stay in cache."""

from collections.abc import Iterator

import numpy as np

from clearconv.arrays import Array

_PIECE = 16384


def sgd(
    weight: Array,
    grad: Array,
    velocity: Array | None,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    """Decay, gather speed, step."""
    for piece in _pieces(len(weight)):
        w, g = weight[piece], grad[piece]
        if weight_decay:
            g = g + weight_decay * w
        if velocity is not None:
            v = velocity[piece]
            v *= momentum
            v += g
            g = g + momentum * v if nesterov else v
        w -= lr * g


def adam(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Decay, update both running means, correct their start, step."""
    for piece in _pieces(len(weight)):
        w, g, m, s = weight[piece], grad[piece], mean[piece], square[piece]
        if weight_decay and decoupled:
            w *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + weight_decay * w
        m *= beta1
        m += (1 - beta1) * g
        s *= beta2
        s += (1 - beta2) * np.square(g)
        usual = np.sqrt(s)
        usual *= 1 / (1 - beta2**step) ** 0.5
        usual += eps
        way = m / usual
        way *= lr / (1 - beta1**step)
        w -= way


def _pieces(size: int) -> Iterator[slice]:
    return (slice(start, start + _PIECE) for start in range(0, size, _PIECE))
