"""Regression: predict the centre of a digit's ink, with the squared error.

The outputs are numbers instead of classes, so the last layer has no softmax, and the loss is the
squared error. What must be normalised is the target; normalising after each convolution is a
choice, so both ways are run.
"""

import numpy as np

from clearconv import SGD, BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Sequential, SquaredError
from clearconv.data import open_data

digits = open_data("digits")
x = (digits.pixels.transpose(0, 3, 1, 2) / 255).astype("float32")  # (1797, 1, 8, 8)
places = np.stack(np.mgrid[0:8, 0:8]).reshape(1, 2, 8, 8)  # row and column of each pixel
centres = (x * places).sum(axis=(2, 3)) / x.sum(axis=(2, 3))  # (1797, 2), in pixels
rng = np.random.default_rng(0)
order = rng.permutation(len(x))
train, test = order[:-360], order[-360:]
mean, std = centres[train].mean(axis=0), centres[train].std(axis=0)
target = ((centres - mean) / std).astype("float32")  # mean 0, deviation 1, like the initial outputs


def network(norm: bool) -> Sequential:
    """Return a network of two convolutions, each followed by a normalisation if requested."""
    blocks = []
    for filters in (16, 32):
        blocks += [Conv2d(filters, 3, stride=2, padding=1), *[BatchNorm2d()] * norm, ReLU()]
    return Sequential(*blocks, Flatten(), Linear(2))


def pixels_off(guess: np.ndarray) -> float:
    """Return the root of the mean squared distance on the test images."""
    return float(np.sqrt(np.mean(np.sum((guess - centres[test]) ** 2, axis=1))))


print(f"always guessing the mean: {pixels_off(np.broadcast_to(mean, (360, 2))):.3f} pixels off")
for norm in (False, True):
    model = network(norm).build((1, 8, 8))
    loss, optimiser = SquaredError(), SGD(model, lr=0.02, momentum=0.9)
    for _ in range(20):
        rng.shuffle(train)
        for batch in np.array_split(train, 45):
            _, grad = loss(model.forward(x[batch], training=True), target[batch])
            model.backward(grad, input_gradient=False)
            optimiser.step()
    off = pixels_off(model.predict(x[test]) * std + mean)
    print(f"{'with' if norm else 'without'} batch normalisation: {off:.3f} pixels off")
