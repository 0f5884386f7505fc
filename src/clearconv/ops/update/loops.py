"""Updates weight by weight, a statement per formula."""

from math import sqrt

from clearconv.arrays import Array


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
    for i in range(len(weight)):
        g = float(grad[i]) + weight_decay * float(weight[i])
        if velocity is not None:
            v = momentum * float(velocity[i]) + g
            velocity[i] = v
            g = g + momentum * v if nesterov else v
        weight[i] -= lr * g


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
    for i in range(len(weight)):
        g, w = float(grad[i]), float(weight[i])
        if decoupled:
            w -= lr * weight_decay * w
        else:
            g += weight_decay * w
        mean[i] = beta1 * float(mean[i]) + (1 - beta1) * g
        square[i] = beta2 * float(square[i]) + (1 - beta2) * g * g
        usual = sqrt(float(square[i]) / (1 - beta2**step))
        weight[i] = w - lr * float(mean[i]) / (1 - beta1**step) / (usual + eps)
