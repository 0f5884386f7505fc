"""GoogLeNet: convolutions of several sizes side by side."""

from clearconv.layers import (
    BatchNorm2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Sequential,
)
from clearconv.models.numbered import numbered

_INIT = 0.01  # torchvision truncates the normal distribution at 200 deviations, which has no effect


def googlenet(classes: int = 1000, *, dropout: float = 0.2) -> Sequential:
    """Return GoogLeNet with batch normalisation, made for 224x224, without auxiliary heads.

    As in torchvision, the branch that the paper gives 5x5 convolutions has 3x3 ones.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the 1,024 features.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", 2015; batch normalisation: Ioffe and Szegedy,
    2015.
    """
    return Sequential(
        _conv(64, 7, stride=2, name="conv1"),
        MaxPool2d(3, 2, ceil_mode=True, name="maxpool1"),
        _conv(64, 1, name="conv2"),
        _conv(192, 3, name="conv3"),
        MaxPool2d(3, 2, ceil_mode=True, name="maxpool2"),
        _inception("3a", 64, (96, 128), (16, 32), 32),
        _inception("3b", 128, (128, 192), (32, 96), 64),
        MaxPool2d(3, 2, ceil_mode=True, name="maxpool3"),
        _inception("4a", 192, (96, 208), (16, 48), 64),
        _inception("4b", 160, (112, 224), (24, 64), 64),
        _inception("4c", 128, (128, 256), (24, 64), 64),
        _inception("4d", 112, (144, 288), (32, 64), 64),
        _inception("4e", 256, (160, 320), (32, 128), 128),
        MaxPool2d(2, 2, ceil_mode=True, name="maxpool4"),
        _inception("5a", 256, (160, 320), (32, 128), 128),
        _inception("5b", 384, (192, 384), (48, 128), 128),
        GlobalAvgPool2d(name="avgpool"),
        Flatten(),
        Dropout(dropout, name="dropout"),
        Linear(classes, init=_INIT, name="fc"),
    )


def _inception(
    name: str, one: int, three: tuple[int, int], five: tuple[int, int], pool: int
) -> Concat:
    """Four branches; a 1x1 convolution reduces `three` and `five` first."""
    return Concat(
        _conv(one, 1, name="branch1"),
        numbered(_conv(three[0], 1), _conv(three[1], 3), name="branch2"),
        numbered(_conv(five[0], 1), _conv(five[1], 3), name="branch3"),
        numbered(MaxPool2d(3, 1, 1, ceil_mode=True), _conv(pool, 1), name="branch4"),
        name=f"inception{name}",
    )


def _conv(channels: int, size: int, *, stride: int = 1, name: str | None = None) -> Node:
    """Return a padded convolution, batch norm and ReLU."""
    return Sequential(
        Conv2d(
            channels, size, stride=stride, padding=size // 2, bias=False, init=_INIT, name="conv"
        ),
        BatchNorm2d(eps=0.001, name="bn"),
        ReLU(name="relu"),
        name=name,
    )
