"""EfficientNet-Lite: MobileNet's blocks, scaled, without what small devices are slow at."""

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

#: For each stage: expansion factor of its blocks, channels, number of blocks, first stride, kernel.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def efficientnet_lite0(classes: int = 1000, *, dropout: float = 0.2) -> Sequential:
    """Return EfficientNet-Lite0, made for 224x224 photographs on a phone.

    EfficientNet-B0 without squeeze-and-excite, and with ReLU6 instead of SiLU. It pads as
    TensorFlow does: where the zeros of a strided convolution are odd in number, one more comes at
    the bottom and right.

    Parameters
    ----------
    classes : int
        Number of outputs.
    dropout : float
        Probability of dropping each of the last features.

    Returns
    -------
    Sequential
        Not built yet; gives logits. Parameters are named and shaped as in timm's
        ``tf_efficientnet_lite0``.

    References
    ----------
    Tan and Le, "EfficientNet: Rethinking model scaling", 2019, table 1; the changes of "Lite" are
    described in the README of ``tpu/models/official/efficientnet/lite``, 2020.
    """
    before = 32
    layers: list[Node] = [_conv(before, 3, "conv_stem", stride=2), _norm("bn1"), ReLU6(name="act1")]
    stages: list[Node] = []
    for place, (factor, channels, count, stride, size) in enumerate(_STAGES):
        blocks: list[Node] = []
        for number in range(count):
            first = stride if number == 0 else 1
            blocks.append(_block(before, factor, channels, first, size, str(number)))
            before = channels
        stages.append(Sequential(*blocks, name=str(place)))
    return Sequential(
        *layers,
        Sequential(*stages, name="blocks"),
        _conv(1280, 1, "conv_head"),
        _norm("bn2"),
        ReLU6(name="act2"),
        GlobalAvgPool2d(name="global_pool"),
        Flatten(name="flatten"),
        Dropout(dropout, name="dropout"),
        Linear(classes, init=0.01, name="classifier"),
    )


def _block(before: int, factor: int, channels: int, stride: int, size: int, name: str) -> Node:
    """Expand, convolve each channel separately, project; no activation after the projection."""
    inner = before * factor
    if factor == 1:
        layers = [
            _conv(inner, size, "conv_dw", stride=stride, groups=inner),
            _norm("bn1"),
            ReLU6(name="act1"),
            _conv(channels, 1, "conv_pw"),
            _norm("bn2"),
        ]
    else:
        layers = [
            _conv(inner, 1, "conv_pw"),
            _norm("bn1"),
            ReLU6(name="act1"),
            _conv(inner, size, "conv_dw", stride=stride, groups=inner),
            _norm("bn2"),
            ReLU6(name="act2"),
            _conv(channels, 1, "conv_pwl"),
            _norm("bn3"),
        ]
    alike = stride == 1 and before == channels
    return Residual(*layers, name=name) if alike else Sequential(*layers, name=name)


def _conv(channels: int, size: int, name: str, *, stride: int = 1, groups: int = 1) -> Conv2d:
    """Return a convolution, padded as TensorFlow pads; a batch norm follows."""
    return Conv2d(
        channels, size, stride=stride, padding="same", groups=groups, bias=False, name=name
    )


def _norm(name: str) -> BatchNorm2d:
    """Return a batch norm with TensorFlow's epsilon and momentum."""
    return BatchNorm2d(eps=1e-3, momentum=0.01, name=name)
