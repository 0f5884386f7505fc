"""The seven networks in PyTorch, as a practitioner writes them, and the other side: theirs."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch._dynamo  # here, not in each of the processes that are forked later
from torch import nn
from torch.nn import functional as F

from benchmarks.networks import LEARNING_RATE, MOBILENET, MOMENTUM, Network, batch_of
from clearconv import Node


def lenet(classes: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, classes)),
    )


def deep_convnet(classes: int) -> nn.Module:
    def pair(before: int, channels: int, second_padding: int = 1) -> list[nn.Module]:
        return [
            *(nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(channels, channels, 3, padding=second_padding), nn.ReLU()),
            nn.MaxPool2d(2),
        ]

    return nn.Sequential(
        *pair(1, 16),
        *pair(16, 32, second_padding=2),
        *pair(32, 64),
        *(nn.Flatten(), nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(50, classes), nn.Dropout(0.5)),
    )


def seed_cnn(classes: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, stride=2), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2), nn.ReLU()),
        *(nn.Conv2d(64, 128, 3, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(128 * 6 * 6, classes)),
    )


class BasicBlock(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + identity)


def _resnet(channels: tuple[int, ...], blocks: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, channels[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(channels[0]),
        nn.ReLU(inplace=True),
    ]
    before = channels[0]
    for stage, count in enumerate(channels):
        for number in range(blocks):
            layers.append(BasicBlock(before, count, 2 if stage and not number else 1))
            before = count
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def resnet20(classes: int) -> nn.Module:
    return _resnet((16, 32, 64), 3, classes)


def resnet18(classes: int) -> nn.Module:
    return _resnet((64, 128, 256, 512), 2, classes)


def mobilenet(classes: int) -> nn.Module:
    def block(before: int, channels: int, kernel: int, stride: int, groups: int = 1) -> list:
        conv = nn.Conv2d(
            before, channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        )
        return [conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

    layers, before = block(3, 32, 3, 2), 32
    for channels, stride in MOBILENET:
        layers += [*block(before, before, 3, stride, before), *block(before, channels, 1, 1)]
        before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def module_for(network: Network) -> nn.Module:
    """Return the network, with PyTorch's own initial weights."""
    return globals()[network.pytorch](network.classes)


def pairs(model: Node, module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Pair clearconv's parameter paths with PyTorch's parameters: both in the order they run."""
    paths = [f"{layer.path}.{name}" for layer in model.leaves() for name in layer.parameters_here]
    paired = list(zip(paths, module.parameters(), strict=True))
    for path, parameter in paired:
        assert model.parameters[path].shape == tuple(parameter.shape), f"{path} differs"
    return paired


def copy_weights(model: Node, module: nn.Module) -> None:
    """Give the module clearconv's weights."""
    with torch.no_grad():
        for path, parameter in pairs(model, module):
            parameter.copy_(torch.from_numpy(model.parameters[path]))


#: Name -> (channels-last, compiled).
VARIANTS = {
    "eager": (False, False),
    "eager channels-last": (True, False),
    "compile": (False, True),
    "compile channels-last": (True, True),
}


class Theirs:
    """A network in PyTorch in one variant, ready to take steps."""

    def __init__(self, network: Network, variant: str, lr: float = LEARNING_RATE) -> None:
        channels_last, compiled = VARIANTS[variant]
        self.name = variant
        self.module = module_for(network)
        x, labels = batch_of(network)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.x = torch.from_numpy(np.ascontiguousarray(x)).contiguous(memory_format=layout)
        self.labels = torch.from_numpy(labels)
        self.module.to(memory_format=layout)
        self.optimiser = torch.optim.SGD(
            self.module.parameters(), lr=lr, momentum=MOMENTUM, fused=True
        )
        wrap: Callable = torch.compile if compiled else lambda function: function
        self._loss = wrap(partial(loss_of, self.module))
        self._logits = wrap(self.module)

    def train(self) -> float:
        self.module.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss(self.x, self.labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def infer(self) -> torch.Tensor:
        self.module.eval()
        with torch.inference_mode():
            return self._logits(self.x)

    @staticmethod
    def threads(count: int) -> None:
        torch.set_num_threads(count)


def loss_of(module: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(module(x), labels)
