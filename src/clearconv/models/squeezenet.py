"""SqueezeNet: few parameters, since every 3x3 convolution sees few channels."""

from clearconv.layers import (
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    MaxPool2d,
    ReLU,
    Sequential,
)
from clearconv.models.numbered import numbered


def squeezenet1_1(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """Return SqueezeNet 1.1, made for 224x224: version 1.0's accuracy with 2.4 times less work.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each number before the last convolution.

    Returns
    -------
    Sequential
        Not built yet; gives logits, which a ReLU keeps from being negative, as in the paper.
        Parameters are named and shaped as in torchvision.

    References
    ----------
    Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016, and the
    authors' version 1.1.
    """
    features = numbered(
        _conv(64, 3, stride=2),
        ReLU(),
        MaxPool2d(3, 2, ceil_mode=True),
        _fire(16, 64),
        _fire(16, 64),
        MaxPool2d(3, 2, ceil_mode=True),
        _fire(32, 128),
        _fire(32, 128),
        MaxPool2d(3, 2, ceil_mode=True),
        _fire(48, 192),
        _fire(48, 192),
        _fire(64, 256),
        _fire(64, 256),
        name="features",
    )
    classifier = numbered(
        Dropout(dropout),
        Conv2d(classes, 1, init=0.01),
        ReLU(),
        GlobalAvgPool2d(),
        name="classifier",
    )
    return Sequential(features, classifier, Flatten())


def _fire(squeeze: int, expand: int) -> Sequential:
    """Few input channels, many output channels: half from 1x1, half from 3x3 convolutions."""
    return Sequential(
        _conv(squeeze, 1, name="squeeze"),
        ReLU(name="squeeze_activation"),
        Concat(
            Sequential(
                _conv(expand, 1, name="expand1x1"), ReLU(name="expand1x1_activation"), name=""
            ),
            Sequential(
                _conv(expand, 3, padding=1, name="expand3x3"),
                ReLU(name="expand3x3_activation"),
                name="",
            ),
            name="",
        ),
    )


def _conv(
    channels: int, size: int, *, stride: int = 1, padding: int = 0, name: str | None = None
) -> Conv2d:
    return Conv2d(channels, size, stride=stride, padding=padding, init="he_uniform", name=name)
