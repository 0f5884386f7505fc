"""An activation inside a layer: which one, and which layer takes its derivative.

The article's ConvLayer applies its activator in the forward pass. Backward it receives an error
term that is already the derivative with respect to its weighted sum, and multiplies what it passes
on by the derivative of the layer below. Others take each activation's derivative where it was
applied. Both are right within their own network.
"""

from collections.abc import Callable

import numpy as np

from clearconv.doctor.kinds._kind import Convention
from clearconv.doctor.kinds._windows import Array

#: Name -> (function, derivative by the function's own output).
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "none": (lambda net: net, lambda y: np.ones_like(y)),
    "relu": (lambda net: np.maximum(net, 0.0), lambda y: 1.0 * (y > 0)),
    "sigmoid": (lambda net: 1 / (1 + np.exp(-net)), lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
}

CONVENTIONS = (
    Convention(
        "activation",
        "the activation within the layer",
        {
            "none": "the layer gives its weighted sums",
            "relu": "the layer applies ReLU to its weighted sums",
            "sigmoid": "the layer applies the sigmoid to its weighted sums",
            "tanh": "the layer applies tanh to its weighted sums",
        },
    ),
    Convention(
        "derivative",
        "where the activation's derivative is taken",
        {
            "here": "backward multiplies the incoming gradient by the derivative of this layer's "
            "activation",
            "taken": "the incoming error term is already the derivative with respect to the "
            "weighted sum",
            "below": "the incoming error term is already the derivative with respect to the "
            "weighted sum, and what is passed on is multiplied by the derivative of the "
            "activation below",
        },
        ("grad_x", "grad_weight", "grad_bias"),
    ),
)


def activate(net: Array, activation: str) -> Array:
    """Apply the layer's activation."""
    return ACTIVATIONS[activation][0](net)


def error_at_net(grad_y: Array, net: Array, activation: str, derivative: str) -> Array:
    """Return the gradient with respect to the weighted sum."""
    if derivative != "here":
        return grad_y
    function, slope = ACTIVATIONS[activation]
    return grad_y * slope(function(net))


def derivative_below(x: Array, activation: str, derivative: str) -> Array:
    """Return the factor of the gradient that is passed on; x is the output of the layer below."""
    return ACTIVATIONS[activation if derivative == "below" else "none"][1](x)
