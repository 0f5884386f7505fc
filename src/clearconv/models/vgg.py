"""VGG: only 3x3 convolutions, with twice the channels where the image is halved."""

from clearconv.layers import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Sequential,
)
from clearconv.models.numbered import numbered

#: Channels of the convolutions between poolings: configurations A and D of the paper.
_ELEVEN = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
_SIXTEEN = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
_HIDDEN = 4096  # features of each of the two hidden linear layers


def vgg11(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """Return the 11-layer VGG network, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the 4,096 features, after both hidden layers.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
    2014, configuration A.
    """
    return _vgg(_ELEVEN, False, classes, dropout)


def vgg11_bn(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """Return the 11-layer VGG network with batch normalisation, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the 4,096 features, after both hidden layers.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
    2014, configuration A; batch normalisation as in torchvision.
    """
    return _vgg(_ELEVEN, True, classes, dropout)


def vgg16(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """Return the 16-layer VGG network, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the 4,096 features, after both hidden layers.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
    2014, configuration D.
    """
    return _vgg(_SIXTEEN, False, classes, dropout)


def vgg16_bn(classes: int = 1000, *, dropout: float = 0.5) -> Sequential:
    """Return the 16-layer VGG network with batch normalisation, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the 4,096 features, after both hidden layers.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
    2014, configuration D; batch normalisation as in torchvision.
    """
    return _vgg(_SIXTEEN, True, classes, dropout)


def _vgg(
    stages: tuple[tuple[int, int], ...], batch_norm: bool, classes: int, dropout: float
) -> Sequential:
    """Stages of convolutions, each followed by a pooling; three linear layers."""
    features: list[Node] = []
    for count, channels in stages:
        for _ in range(count):
            features.append(Conv2d(channels, 3, padding=1, init="he_fan_out"))
            features += [BatchNorm2d(), ReLU()] if batch_norm else [ReLU()]
        features.append(MaxPool2d(2))
    hidden = [Linear(_HIDDEN, init=0.01), ReLU(), Dropout(dropout)]
    hidden += [Linear(_HIDDEN, init=0.01), ReLU(), Dropout(dropout)]
    return Sequential(
        numbered(*features, name="features"),
        AdaptiveAvgPool2d(7, name="avgpool"),
        Flatten(),
        numbered(*hidden, Linear(classes, init=0.01), name="classifier"),
    )
