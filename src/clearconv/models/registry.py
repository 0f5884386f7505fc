"""The bundled models by name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.layers import Sequential
from clearconv.models.clearnets import clearnet, clearnet_small
from clearconv.models.densenet import densenet121
from clearconv.models.efficientnet import efficientnet_lite0
from clearconv.models.inception import googlenet
from clearconv.models.mobilenet import mobilenet_v2
from clearconv.models.resnet import resnet18, resnet20, resnet34, resnet50, resnet56
from clearconv.models.seed import seed_cnn
from clearconv.models.small import deep_convnet, digits_cnn, lenet, simple_convnet
from clearconv.models.squeezenet import squeezenet1_1
from clearconv.models.vgg import vgg11, vgg11_bn, vgg16, vgg16_bn


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a bundled model that are known before it is made.

    Attributes
    ----------
    function : callable
        ``function(classes, **options)`` returns the model, not built yet.
    input_shape : tuple of int
        (C, H, W) for which it is made; others work if the layers fit.
    smallest : int
        Height and width of the smallest image that it accepts.
    about : str
        Description in one line.
    """

    function: Callable[..., Sequential]
    input_shape: tuple[int, int, int]
    smallest: int
    about: str

    @property
    def classes(self) -> int:
        """Number of classes of the data with which it was published: the default."""
        return int(inspect.signature(self.function).parameters["classes"].default)

    @property
    def options(self) -> dict[str, Any]:
        """Option -> default."""
        parameters = inspect.signature(self.function).parameters.values()
        return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


_PHOTO, _SMALL_PHOTO, _DIGIT = (3, 224, 224), (3, 32, 32), (1, 28, 28)

MODELS: dict[str, ModelInfo] = {
    "clearnet": ModelInfo(
        clearnet, (3, 128, 128), 3, "small residual network for photographs: the default for them"
    ),
    "clearnet_small": ModelInfo(
        clearnet_small, _DIGIT, 1, "the same for small images, such as Fashion-MNIST's"
    ),
    "seed_cnn": ModelInfo(
        seed_cnn, _PHOTO, 61, "four strided convolutions for photographs: the article's network"
    ),
    "resnet18": ModelInfo(resnet18, _PHOTO, 1, "residual network, 18 layers (He et al., 2015)"),
    "resnet34": ModelInfo(resnet34, _PHOTO, 1, "residual network, 34 layers (He et al., 2015)"),
    "resnet50": ModelInfo(
        resnet50, _PHOTO, 1, "residual network of 50 layers, with bottlenecks (He et al., 2015)"
    ),
    "mobilenet_v2": ModelInfo(
        mobilenet_v2, _PHOTO, 1, "depthwise convolutions, for phones (Sandler et al., 2018)"
    ),
    "efficientnet_lite0": ModelInfo(
        efficientnet_lite0, _PHOTO, 1, "MobileNet's blocks, scaled (Tan and Le, 2019; Lite: 2020)"
    ),
    "squeezenet1_1": ModelInfo(squeezenet1_1, _PHOTO, 17, "few parameters (Iandola et al., 2016)"),
    "googlenet": ModelInfo(
        googlenet, _PHOTO, 15, "convolutions of several sizes side by side (Szegedy et al., 2015)"
    ),
    "densenet121": ModelInfo(
        densenet121, _PHOTO, 29, "every layer sees all before it (Huang et al., 2017)"
    ),
    "vgg11": ModelInfo(
        vgg11, _PHOTO, 32, "3x3 convolutions, 11 layers (Simonyan and Zisserman, 2014)"
    ),
    "vgg11_bn": ModelInfo(vgg11_bn, _PHOTO, 32, "the same with batch normalisation"),
    "vgg16": ModelInfo(
        vgg16, _PHOTO, 32, "3x3 convolutions, 16 layers (Simonyan and Zisserman, 2014)"
    ),
    "vgg16_bn": ModelInfo(vgg16_bn, _PHOTO, 32, "the same with batch normalisation"),
    "resnet20": ModelInfo(
        resnet20, _SMALL_PHOTO, 1, "residual network for small colour images (He et al., 2015)"
    ),
    "resnet56": ModelInfo(resnet56, _SMALL_PHOTO, 1, "the same with 56 layers (He et al., 2015)"),
    "lenet": ModelInfo(
        lenet, _DIGIT, 16, "two convolutions and poolings: PaddlePaddle's network for digits"
    ),
    "simple_convnet": ModelInfo(
        simple_convnet, _DIGIT, 6, "one convolution, two linear layers (Saitoh, chapter 7)"
    ),
    "deep_convnet": ModelInfo(
        deep_convnet, _DIGIT, 4, "six convolutions, dropout (Saitoh, chapter 8)"
    ),
    "digits_cnn": ModelInfo(
        digits_cnn, (1, 8, 8), 2, "two convolutions for tiny images, such as the bundled digits"
    ),
}

_DEFAULTS = {
    "photos": "clearnet",
    "idx": "clearnet_small",
    "digits": "digits_cnn",
    "arrays": "clearnet_small",
}


def create(name: str, classes: int, **options: Any) -> Sequential:
    """Make a bundled model.

    Parameters
    ----------
    name : str
        A key of ``MODELS``.
    classes : int
        Number of outputs, at least 1.
    **options
        Options of the model's function.

    Returns
    -------
    Sequential
        Not built yet.

    Raises
    ------
    ArgumentError
        If the model or an option is not known; the message lists the known ones.

    Examples
    --------
    >>> from clearconv.models import create
    >>> create("seed_cnn", 3, dropout=0.4).build((3, 224, 224)).output_shape
    (3,)
    """
    if name not in MODELS:
        raise ArgumentError(f"model {name!r} is not known; there are {', '.join(MODELS)}.")
    known = MODELS[name].options
    unknown = [option for option in options if option not in known]
    if unknown:
        takes = f"only {', '.join(known)}" if known else "no options"
        others = ", ".join(taking(unknown[0]))
        hint = f" Models with {unknown[0]}: {others}." if others else ""
        raise ArgumentError(f"model {name!r} has no option {unknown[0]!r}; it takes {takes}.{hint}")
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ArgumentError(f"model {name!r}: classes={classes!r} must be a whole number from 1.")
    return MODELS[name].function(classes, **options)


def taking(option: str) -> list[str]:
    """Return the names of the models that take an option.

    Parameters
    ----------
    option : str
        Name of the option, such as "batch_norm".

    Returns
    -------
    list of str
        Keys of ``MODELS``; empty if no model takes it.
    """
    return [name for name, info in MODELS.items() if option in info.options]


def default_for(kind: str) -> str:
    """Return the default model for a kind of data.

    Parameters
    ----------
    kind : {"photos", "idx", "arrays", "digits"}
        ``kind`` of an opened data source.

    Returns
    -------
    str
        A key of ``MODELS``.

    Raises
    ------
    ArgumentError
        If there is no such kind of data.
    """
    if kind not in _DEFAULTS:
        raise ArgumentError(
            f"data of kind {kind!r} is not known; there are {', '.join(_DEFAULTS)}."
        )
    return _DEFAULTS[kind]
