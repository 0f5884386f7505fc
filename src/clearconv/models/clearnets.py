"""The default networks for training: small, residual, fast on two cores."""

from clearconv.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Residual,
    Sequential,
)


def clearnet(classes: int = 3) -> Sequential:
    """Return a small residual network for photographs, made for 128x128.

    Images are halved twice before the first block: the large maps at the beginning cost most and
    say least. After that each block costs about the same. ``docs/models.md`` says how it was
    chosen, and which alternatives were tried.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015: its blocks, one
    for each size of the maps. He, Zhang, Zhang, Zhang, Xie and Li, "Bag of tricks for image
    classification with convolutional neural networks", 2018, section 4.2: the mean in the shortcut.
    """
    return Sequential(
        *_normalised(32, stride=2),
        MaxPool2d(2),
        _block(32, before=32),
        _block(64, before=32, stride=2),
        _block(128, before=64, stride=2),
        _block(256, before=128, stride=2),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(classes),
    )


def clearnet_small(classes: int = 10) -> Sequential:
    """Return the same kind of network for small images, made for 28x28, without early halving.

    Parameters
    ----------
    classes : int
        Number of outputs.

    Returns
    -------
    Sequential
        Not built yet; gives logits.
    """
    return Sequential(
        *_normalised(32, stride=1),
        _block(64, before=32, stride=2),
        _block(128, before=64, stride=2),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(classes),
    )


def _normalised(channels: int, stride: int) -> tuple[Node, ...]:
    """Convolve, normalise, activate; batch norm makes a bias unnecessary."""
    return (
        Conv2d(channels, 3, stride=stride, padding=1, bias=False),
        BatchNorm2d(),
        ReLU(),
    )


def _block(channels: int, before: int, stride: int = 1) -> Residual:
    """Two 3x3 convolutions with a shortcut, which has a 1x1 convolution if the shape changes.

    Where maps shrink, the shortcut takes the mean of 2x2 pixels: a strided 1x1 convolution would
    see only one of four. At an odd border the mean is over the pixels that exist.
    """
    shortcut = None
    if stride != 1 or before != channels:
        mean = AvgPool2d(2, ceil_mode=True, count_include_pad=False)
        narrowed = [mean] if stride == 2 else []
        shortcut = Sequential(*narrowed, Conv2d(channels, 1, bias=False), BatchNorm2d())
    return Residual(
        *_normalised(channels, stride),
        Conv2d(channels, 3, padding=1, bias=False),
        BatchNorm2d(),
        shortcut=shortcut,
        activation="relu",
    )
