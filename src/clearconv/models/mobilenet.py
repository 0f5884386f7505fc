"""MobileNet v2: depthwise convolutions between thin layers."""

from math import sqrt

from clearconv.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Node,
    ReLU6,
    Residual,
    Sequential,
)
from clearconv.models.numbered import numbered

#: For each stage: expansion factor of its blocks, channels, number of blocks, first stride.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(classes: int = 1000, *, dropout: float = 0.2, width: float = 1.0) -> Sequential:
    """Return MobileNet v2, made for 224x224 photographs on a phone.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the last features.
    width : float
        Factor of all channels, rounded to multiples of 8: torchvision's ``width_mult``.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in torchvision.

    References
    ----------
    Sandler et al., "MobileNetV2: Inverted residuals and linear bottlenecks", 2018, table 2.
    """
    before = _channels(32 * width)
    features: list[Node] = [_conv(before, 3, stride=2)]
    for inner, wanted, count, stride in _STAGES:
        channels = _channels(wanted * width)
        for number in range(count):
            first = stride if number == 0 else 1
            features.append(_block(before, before * inner, channels, first, str(len(features))))
            before = channels
    features.append(_conv(_channels(1280 * max(1.0, width)), 1))
    return Sequential(
        numbered(*features, name="features"),
        GlobalAvgPool2d(),
        Flatten(),
        numbered(Dropout(dropout), Linear(classes, init=0.01), name="classifier"),
    )


def _block(before: int, inner: int, channels: int, stride: int, name: str) -> Node:
    """Expand, convolve each channel separately, project; no activation after the projection."""
    widen = [_conv(inner, 1)] if inner != before else []
    body = numbered(
        *widen,
        _conv(inner, 3, stride=stride, groups=inner),
        _plain(channels, 1),
        BatchNorm2d(),
        name="conv",
    )
    alike = stride == 1 and before == channels
    return Residual(body, name=name) if alike else Sequential(body, name=name)


def _conv(channels: int, size: int, *, stride: int = 1, groups: int = 1) -> Sequential:
    """Return a convolution, batch norm and ReLU6."""
    return numbered(_plain(channels, size, stride, groups), BatchNorm2d(), ReLU6())


def _plain(channels: int, size: int, stride: int = 1, groups: int = 1) -> Conv2d:
    """Return a padded convolution; its initial deviation counts all channels as fan-out."""
    return Conv2d(
        channels,
        size,
        stride=stride,
        padding=size // 2,
        groups=groups,
        bias=False,
        init=sqrt(2 / (channels * size**2)),
    )


def _channels(wanted: float) -> int:
    """Round to a multiple of 8, at least 8, and never down by more than a tenth."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8
