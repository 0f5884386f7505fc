"""Residual networks: the small ones for CIFAR, the large ones for ImageNet."""

from collections.abc import Callable

from clearconv.layers import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
)

#: Makes one block: (channels, stride, shortcut, name).
_Block = Callable[[int, int, Sequential | None, str], Residual]


def resnet18(classes: int = 1000) -> Sequential:
    """Return the 18-layer residual network for photographs, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 1.
    """
    return _for_photographs((2, 2, 2, 2), _basic, 1, classes)


def resnet34(classes: int = 1000) -> Sequential:
    """Return the 34-layer residual network for photographs, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 1.
    """
    return _for_photographs((3, 4, 6, 3), _basic, 1, classes)


def resnet50(classes: int = 1000) -> Sequential:
    """Return the 50-layer residual network for photographs, made for 224x224.

    Each block is a bottleneck: 1x1, 3x3 and 1x1 convolutions. The 3x3 one has the stride, as in
    torchvision; in the paper the first 1x1 has it, which skips three quarters of the image.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 1.
    """
    return _for_photographs((3, 4, 6, 3), _bottleneck, 4, classes)


def resnet20(classes: int = 10) -> Sequential:
    """Return the 20-layer residual network for CIFAR, 32x32 in the paper, any size here.

    If a block changes the shape, its shortcut is a 1x1 convolution (the paper's option B).

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named as in torchvision's larger ResNets.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 4.2.
    """
    return _for_cifar(3, classes)


def resnet56(classes: int = 10) -> Sequential:
    """Return the 56-layer residual network for CIFAR, 32x32 in the paper, any size here.

    If a block changes the shape, its shortcut is a 1x1 convolution (the paper's option B).

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named as in torchvision's larger ResNets.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 4.2.
    """
    return _for_cifar(9, classes)


def _for_photographs(
    blocks: tuple[int, ...], block: _Block, widens: int, classes: int
) -> Sequential:
    """Stem, four stages, one linear layer."""
    stages, before = [], 64
    for number, (count, channels) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True)):
        first = 1 if number == 0 else 2
        stages.append(_stage(count, channels, first, block, widens, before, f"layer{number + 1}"))
        before = channels * widens
    return Sequential(
        _conv(64, 7, stride=2, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(name="relu"),
        MaxPool2d(3, 2, 1, name="maxpool"),
        *stages,
        GlobalAvgPool2d(name="avgpool"),
        Flatten(),
        Linear(classes, init="pytorch", name="fc"),
    )


def _for_cifar(blocks: int, classes: int) -> Sequential:
    """Stem, three stages, one linear layer."""
    return Sequential(
        _conv(16, 3, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(name="relu"),
        _stage(blocks, 16, 1, _basic, 1, 16, "layer1"),
        _stage(blocks, 32, 2, _basic, 1, 16, "layer2"),
        _stage(blocks, 64, 2, _basic, 1, 32, "layer3"),
        GlobalAvgPool2d(name="avgpool"),
        Flatten(),
        Linear(classes, init="pytorch", name="fc"),
    )


def _stage(
    count: int, channels: int, stride: int, block: _Block, widens: int, before: int, name: str
) -> Sequential:
    """Blocks one after another; the first may halve the image and change the channels."""
    shortcut = None
    if stride != 1 or before != channels * widens:
        shortcut = Sequential(
            _conv(channels * widens, 1, stride=stride, name="0"),
            BatchNorm2d(name="1"),
            name="downsample",
        )
    blocks = [block(channels, stride, shortcut, "0")]
    blocks += [block(channels, 1, None, str(number)) for number in range(1, count)]
    return Sequential(*blocks, name=name)


def _basic(channels: int, stride: int, shortcut: Sequential | None, name: str) -> Residual:
    """Two 3x3 convolutions with a shortcut."""
    return Residual(
        _conv(channels, 3, stride=stride, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(name="relu"),
        _conv(channels, 3, name="conv2"),
        BatchNorm2d(name="bn2"),
        shortcut=shortcut,
        activation="relu",
        name=name,
    )


def _bottleneck(channels: int, stride: int, shortcut: Sequential | None, name: str) -> Residual:
    """A 3x3 convolution between two 1x1 ones, with fewer channels where it costs most."""
    return Residual(
        _conv(channels, 1, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(name="relu1"),
        _conv(channels, 3, stride=stride, name="conv2"),
        BatchNorm2d(name="bn2"),
        ReLU(name="relu2"),
        _conv(channels * 4, 1, name="conv3"),
        BatchNorm2d(name="bn3"),
        shortcut=shortcut,
        activation="relu",
        name=name,
    )


def _conv(channels: int, size: int, *, stride: int = 1, name: str) -> Conv2d:
    """Return a padded convolution; the batch norm after it makes a bias unnecessary."""
    return Conv2d(
        channels,
        size,
        stride=stride,
        padding=size // 2,
        bias=False,
        init="he_fan_out",
        name=name,
    )
