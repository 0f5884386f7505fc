"""The seven networks in clearconv, and one side of the comparison: ours. No PyTorch here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clearconv import (
    SGD,
    BatchNorm2d,
    Conv2d,
    CrossEntropy,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    ReLU,
    Residual,
    Sequential,
)
from clearconv.models import deep_convnet, lenet, resnet20, seed_cnn
from clearconv.ops.tellings import set_threads

LEARNING_RATE = 1e-4  # small: hundreds of steps on one batch must not change what is computed
MOMENTUM = 0.9


@dataclass(frozen=True)
class Network:
    """One row of the benchmark."""

    make: Callable[[int], Sequential]
    pytorch: str  # the function in pytorch.py
    shape: tuple[int, int, int]
    batch: int
    classes: int
    normalised: bool  # has batch norm: float32 differs more


def resnet18(classes: int) -> Sequential:
    """He et al., 2015, with a stem for 32x32 images; parameters as in torchvision."""
    stages = [
        Sequential(
            _basic_block(channels, 1 if channels == 64 else 2, "0"),
            _basic_block(channels, 1, "1"),
            name=f"layer{number}",
        )
        for number, channels in enumerate((64, 128, 256, 512), start=1)
    ]
    return Sequential(
        Conv2d(64, 3, padding=1, bias=False, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(),
        *stages,
        GlobalAvgPool2d(),
        Flatten(),
        Linear(classes, name="fc"),
    )


def _basic_block(channels: int, stride: int, name: str) -> Residual:
    shortcut = None
    if stride != 1:
        shortcut = Sequential(
            Conv2d(channels, 1, stride=stride, bias=False, name="0"),
            BatchNorm2d(name="1"),
            name="downsample",
        )
    return Residual(
        Conv2d(channels, 3, stride=stride, padding=1, bias=False, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(),
        Conv2d(channels, 3, padding=1, bias=False, name="conv2"),
        BatchNorm2d(name="bn2"),
        shortcut=shortcut,
        activation="relu",
        name=name,
    )


#: MobileNet v1 up to 512 channels: (output channels, stride) of each depthwise-pointwise pair.
MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)


def mobilenet(classes: int) -> Sequential:
    """Howard et al., 2017, width 1.0, without the last two pairs (1,024 channels)."""

    def block(channels: int, kernel: int, stride: int, groups: int = 1) -> list:
        padding = kernel // 2
        conv = Conv2d(channels, kernel, stride=stride, padding=padding, groups=groups, bias=False)
        return [conv, BatchNorm2d(), ReLU()]

    layers, before = block(32, 3, 2), 32
    for channels, stride in MOBILENET:
        layers += [*block(before, 3, stride, groups=before), *block(channels, 1, 1)]
        before = channels
    return Sequential(*layers, GlobalAvgPool2d(), Flatten(), Linear(classes))


NETWORKS = {
    "lenet": Network(lenet, "lenet", (1, 28, 28), 64, 10, False),
    "deep_convnet": Network(deep_convnet, "deep_convnet", (1, 28, 28), 100, 10, False),
    "seed_cnn-4": Network(seed_cnn, "seed_cnn", (3, 224, 224), 4, 3, False),
    "seed_cnn-32": Network(seed_cnn, "seed_cnn", (3, 224, 224), 32, 3, False),
    "resnet20": Network(resnet20, "resnet20", (3, 32, 32), 128, 10, True),
    "resnet18": Network(resnet18, "resnet18", (3, 32, 32), 64, 10, True),
    "mobilenet": Network(mobilenet, "mobilenet", (3, 96, 96), 16, 10, True),
}


def batch_of(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch as a loader gives it, channels-last in memory, and its labels."""
    random = np.random.default_rng(1)
    C, H, W = network.shape
    x = random.standard_normal((network.batch, H, W, C), np.float32).transpose(
        0, 3, 1, 2
    )  # (N, C, H, W)
    return x, random.integers(0, network.classes, network.batch)


class Ours:
    """A network in clearconv, ready to take steps."""

    name = "clearconv"

    def __init__(
        self,
        network: Network,
        *,
        dropout: bool = True,
        lr: float = LEARNING_RATE,
        dtype: str = "float32",
    ) -> None:
        self.model = network.make(network.classes).build(network.shape, dtype=dtype)
        if not dropout:
            for layer in self.model.leaves():
                if isinstance(layer, Dropout):
                    layer.p = 0.0
        x, self.labels = batch_of(network)
        self.x = x.astype(dtype)  # keeps the order in memory
        self.criterion = CrossEntropy()
        self.optimiser = SGD(self.model, lr=lr, momentum=MOMENTUM)

    def train(self) -> float:
        """Take one step: forward, loss, backward, update; return the loss."""
        logits = self.model.forward(self.x, training=True)
        loss, grad = self.criterion(logits, self.labels)
        self.model.backward(grad, input_gradient=False)
        self.optimiser.step()
        return loss

    def infer(self) -> np.ndarray:
        """Return the logits in evaluation mode."""
        return self.model.forward(self.x)

    @staticmethod
    def threads(count: int) -> None:
        """Use so many threads."""
        set_threads(count)
