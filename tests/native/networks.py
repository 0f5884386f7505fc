"""Networks to train a few steps: the benchmark's and the other bundled ones, on small batches."""

import sys
from pathlib import Path

import numpy as np

from clearconv.layers import Context
from clearconv.losses import CrossEntropy
from clearconv.models import create
from clearconv.optim import SGD

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks import networks as benchmark  # noqa: E402

#: Name -> (how to make it, shape of one input, batch); inner arrays are well over 64 KiB.
NETWORKS = {
    "digits_cnn": (lambda: create("digits_cnn", 10), (1, 8, 8), 40),
    "simple_convnet": (lambda: create("simple_convnet", 10), (1, 28, 28), 8),
    "lenet": (lambda: benchmark.lenet(10), (1, 28, 28), 9),
    "deep_convnet": (lambda: benchmark.deep_convnet(10), (1, 28, 28), 10),
    "seed_cnn": (lambda: benchmark.seed_cnn(10), (3, 96, 96), 4),
    "resnet20": (lambda: benchmark.resnet20(10), (3, 32, 32), 6),
    "resnet18": (lambda: benchmark.resnet18(10), (3, 32, 32), 2),
    "mobilenet": (lambda: benchmark.mobilenet(10), (3, 64, 64), 3),
    "googlenet": (lambda: create("googlenet", 10), (3, 64, 64), 2),
    "densenet121": (lambda: create("densenet121", 10), (3, 64, 64), 2),
}

#: The benchmark's networks at full size.
FULL = {
    name: (lambda network=network: network.make(network.classes), network.shape, network.batch)
    for name, network in benchmark.NETWORKS.items()
}


class Training:
    """A network and one batch of random numbers; each call is a training step."""

    def __init__(self, make, shape, batch):
        rng = np.random.default_rng(5)
        self.model = make().build(shape, seed=1)
        images = rng.standard_normal((batch, *shape[1:], shape[0])).astype("f4")
        self.x = images.transpose(0, 3, 1, 2)  # channels last, as a loader gives them
        self.labels = rng.integers(0, self.model.output_shape[0], batch)
        self.optimiser = SGD(self.model, lr=0.01, momentum=0.9, weight_decay=1e-4)
        self.criterion = CrossEntropy()
        self.done = 0

    @classmethod
    def of(cls, name):
        """Return the training of one of NETWORKS."""
        return cls(*NETWORKS[name])

    def __call__(self, keep=None):
        """Take a step; return its loss."""
        context = Context(training=True, seed=3, step=self.done)
        logits = self.model.forward(self.x, context=context, keep=keep)
        loss, grad = self.criterion(logits, self.labels)
        self.model.backward(grad, input_gradient=False)
        self.optimiser.step()
        self.done += 1
        return loss
