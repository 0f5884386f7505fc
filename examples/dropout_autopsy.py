"""An autopsy: dropout that switches off the same channels in every step.

A published C++ program shuffles a list of channels, and then drops the first channels of the *map*
instead of the first of the *list*. Forward and backward agree, half of the channels are dropped,
training goes well; evaluation collapses. Here is the same mistake on handwritten digits, what fails
to detect it, what does, and the cure. docs/autopsy.md explains it.
"""

import numpy as np

from clearconv import (
    Adam,
    Conv2d,
    CrossEntropy,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Sequential,
    data,
    gradient_check,
)
from clearconv.layers import Layer


class DropsTheFirst(Layer):
    """The program's dropout: the first p C channels in training, everything times 1 - p after."""

    prefix = "dropout"

    def __init__(self, p=0.5, *, name=None):
        super().__init__(name, p=p)
        self.p = p
        self.still_dropping = False  # for the proof below

    def _build(self, input_shape):
        return input_shape

    def _forward(self, x, context):
        if not (context.training or self.still_dropping):
            return x * x.dtype.type(1 - self.p), None
        y = x.copy()
        y[:, : int(self.p * x.shape[1])] = 0  # the same in every step
        return y, "dropped"

    def _backward(self, grad_y, saved, context):
        grad_x = grad_y.copy()
        if saved == "dropped":
            grad_x[:, : int(self.p * grad_y.shape[1])] = 0
        return grad_x


def network(dropout):
    """Four convolutions, each followed by a dropout if there is one."""

    def block():
        return [Conv2d(32, 3, padding=1, activation="relu"), *([dropout(0.5)] if dropout else [])]

    layers = [*block(), *block(), *block(), MaxPool2d(2), *block(), Flatten(), Linear(10)]
    return Sequential(*layers).build((1, 8, 8), seed=0)


digits = data.open_data("digits")
split, scale = data.make_split(digits.labels, seed=0), data.Preprocessing(size=(8, 8), channels=1)


def train(model, epochs=12):
    """Return the share of the last epoch's images classified correctly, in training mode."""
    optimiser, loss_of = Adam(model, lr=1e-3), CrossEntropy()
    for epoch in range(epochs):
        right = 0
        for batch in data.Batches(digits, split.train, scale, 32, epoch=epoch, shuffle=True):
            y = model.forward(batch.x, training=True)
            right += (y.argmax(axis=1) == batch.labels).sum()
            model.backward(loss_of(y, batch.labels)[1])
            optimiser.step()
    return right / len(split.train)


def accuracy(model, images):
    """Return the share classified correctly in evaluation."""
    (batch,) = data.Batches(digits, images, scale, len(images))
    return (model(batch.x).argmax(axis=1) == batch.labels).mean()


def keep_rates(layer):
    """Return how often each of 32 units is kept in training, over 2,000 samples."""
    layer.build((32, 1, 1), seed=0)
    ones = np.ones((2000, 32, 1, 1), np.float32)
    return (layer.forward(ones, training=True) != 0).mean(axis=(0, 2, 3))


print("                       in training  same images,  new images,")
print("                              mode    evaluated     evaluated")
kinds = {"no dropout": None, "the program's dropout": DropsTheFirst, "Dropout(0.5)": Dropout}
models = {}
for name, kind in kinds.items():
    model = models[name] = network(kind)
    rates = train(model), accuracy(model, split.train), accuracy(model, split.validation)
    print(f"{name:<22} {rates[0]:11.3f} {rates[1]:13.3f} {rates[2]:13.3f}")

print("\n                       kept on average  the unit kept least  most")
for kind in (DropsTheFirst, Dropout):
    rates = keep_rates(kind(0.5))
    name = next(name for name, one in kinds.items() if one is kind)
    print(f"{name:<22} {rates.mean():16.3f} {rates.min():20.3f} {rates.max():5.3f}")

layer = DropsTheFirst(0.5).build((4, 3, 3), dtype="float64")
x = np.random.default_rng(0).standard_normal((2, 4, 3, 3))
print(f"\ngradient check of it: {'passed' if gradient_check(layer, x).ok else 'failed'}")

broken, fresh = models["the program's dropout"], network(DropsTheFirst)
print("\nfilters that still are what they were before training")
for path in ("conv1", "conv2", "conv3", "conv4"):
    weight, initial = (model.parameters[f"{path}.weight"] for model in (broken, fresh))
    same = (weight == initial).all(axis=(1, 2, 3)).sum()
    print(f"{path}  {same} of {len(weight)}")

for layer in broken.leaves():
    if isinstance(layer, DropsTheFirst):
        layer.still_dropping = True
train_rate, new_rate = accuracy(broken, split.train), accuracy(broken, split.validation)
print("\nthe same weights, those channels off in evaluation too")
print(f"same images {train_rate:.3f}, new images {new_rate:.3f}")
