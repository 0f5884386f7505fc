"""The residual network for small colour images."""

from clearconv.layers import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    ReLU,
    Residual,
    Sequential,
)


def resnet20(classes: int = 10) -> Sequential:
    """Return the 20-layer residual network for CIFAR, 32x32 in the paper, 8x8 and more here.

    Where a block changes the shape, its shortcut is a 1x1 convolution (the paper's option B).

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named as in torchvision's ResNets
        (``layer2.0.conv1.weight``, ``fc.bias``), but for ``shortcut`` instead of ``downsample``.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 4.2.
    """
    return Sequential(
        Conv2d(16, 3, padding=1, bias=False, name="conv1"),
        BatchNorm2d(name="bn1"),
        ReLU(),
        _stage(16, stride=1, name="layer1"),
        _stage(32, stride=2, name="layer2"),
        _stage(64, stride=2, name="layer3"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(classes, name="fc"),
    )


def _stage(channels: int, stride: int, name: str) -> Sequential:
    """Three blocks; the first may halve the image."""
    return Sequential(
        _block(channels, stride, "0"), _block(channels, 1, "1"), _block(channels, 1, "2"), name=name
    )


def _block(channels: int, stride: int, name: str) -> Residual:
    """Two convolutions around which the input is led."""
    shortcut = None
    if stride != 1:
        shortcut = Sequential(
            Conv2d(channels, 1, stride=stride, bias=False, name="0"), BatchNorm2d(name="1")
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
