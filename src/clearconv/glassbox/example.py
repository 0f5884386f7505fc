"""The article's worked example as a traced pass: one convolution, error terms given."""

import numpy as np

from clearconv.layers import Conv2d, Sequential
from clearconv.optim import SGD
from clearconv.tracing import Trace, trace

_IMAGE = (
    ((0, 1, 1, 0, 2), (2, 2, 2, 2, 1), (1, 0, 0, 2, 0), (0, 1, 1, 0, 0), (1, 2, 0, 0, 2)),
    ((1, 0, 2, 2, 0), (0, 0, 0, 2, 0), (1, 2, 1, 2, 1), (1, 0, 0, 0, 0), (1, 2, 1, 1, 1)),
    ((2, 1, 2, 0, 0), (1, 0, 0, 1, 0), (0, 2, 1, 0, 1), (0, 1, 2, 2, 2), (2, 1, 0, 0, 1)),
)
_FILTERS = (
    (
        ((-1, 1, 0), (0, 1, 0), (0, 1, 1)),
        ((-1, -1, 0), (0, 0, 0), (0, -1, 0)),
        ((0, 0, -1), (0, 1, 0), (1, -1, -1)),
    ),
    (
        ((1, 1, -1), (-1, -1, 1), (0, -1, 1)),
        ((0, 1, 0), (-1, 0, -1), (-1, 1, 0)),
        ((-1, 0, 0), (-1, 0, 1), (-1, 0, 0)),
    ),
)
_BIASES = (1, 0)
_ERRORS = (((0, 1, 1), (2, 2, 2), (1, 0, 0)), ((1, 0, 2), (0, 0, 0), (1, 2, 1)))
_RATE = 0.001

#: The opening paragraphs of its page.
ABOUT_EXAMPLE = (
    "A 5x5 image of three channels, two 3x3 filters, stride 2, padding 1: the worked example of "
    "the article on writing a convolutional layer by hand.",
    "The error terms dy are given, as in the article, and the step has learning rate 0.001. Every "
    "number is that of the article; indices count from 0.",
)


def article_example() -> Trace:
    """Run the article's example: a 5x5 image of three channels, two 3x3 filters, stride 2.

    The article gives the error terms of the output instead of a loss, and updates with learning
    rate 0.001.

    Returns
    -------
    Trace
        In float64, as the article computes.
    """
    model = Sequential(Conv2d(2, 3, stride=2, padding=1)).build((3, 5, 5), dtype="float64")
    layer = next(model.leaves())
    layer.value("weight")[...] = _FILTERS
    layer.value("bias")[...] = _BIASES
    return trace(
        model,
        np.array(_IMAGE, np.float64),
        grad_y=np.array(_ERRORS, np.float64)[np.newaxis],
        optimiser=SGD(model, _RATE),
    )
