"""DenseNet: every layer sees the outputs of all layers before it."""

from clearconv.layers import (
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    Sequential,
)


def densenet121(classes: int = 1000, *, dropout: float = 0.0) -> Sequential:
    """Return the 121-layer DenseNet, made for 224x224.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each number that a layer adds: torchvision's
        ``drop_rate``.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017,
    table 1, with 32 channels per layer.
    """
    growth, channels = 32, 64
    features: list[Node] = [
        Conv2d(channels, 7, stride=2, padding=3, bias=False, name="conv0"),
        BatchNorm2d(name="norm0"),
        ReLU(name="relu0"),
        MaxPool2d(3, 2, 1, name="pool0"),
    ]
    for number, layers in enumerate((6, 12, 24, 16), start=1):
        if number > 1:
            channels //= 2
            features.append(_transition(channels, f"transition{number - 1}"))
        block = [_layer(growth, dropout, f"denselayer{place + 1}") for place in range(layers)]
        features.append(Sequential(*block, name=f"denseblock{number}"))
        channels += layers * growth
    features.append(BatchNorm2d(name="norm5"))
    return Sequential(
        Sequential(*features, name="features"),
        ReLU(name="relu"),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(classes, init="pytorch", name="classifier"),
    )


def _layer(growth: int, dropout: float, name: str) -> Concat:
    """Pass the input on, and add `growth` channels to it."""
    new = [
        BatchNorm2d(name="norm1"),
        ReLU(name="relu1"),
        Conv2d(4 * growth, 1, bias=False, name="conv1"),
        BatchNorm2d(name="norm2"),
        ReLU(name="relu2"),
        Conv2d(growth, 3, padding=1, bias=False, name="conv2"),
        *([Dropout(dropout, name="dropout")] if dropout else []),
    ]
    return Concat(Identity(name="input"), Sequential(*new, name=""), name=name)


def _transition(channels: int, name: str) -> Sequential:
    """Halve the channels and the image."""
    return Sequential(
        BatchNorm2d(name="norm"),
        ReLU(name="relu"),
        Conv2d(channels, 1, bias=False, name="conv"),
        AvgPool2d(2, name="pool"),
        name=name,
    )
