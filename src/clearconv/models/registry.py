"""The bundled models by name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clearconv.errors import ArgumentError
from clearconv.layers import Sequential
from clearconv.models.resnet20 import resnet20
from clearconv.models.seed_cnn import seed_cnn
from clearconv.models.small import deep_convnet, digits_cnn, lenet, simple_convnet


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a bundled model before it is made.

    Attributes
    ----------
    function : callable
        ``function(classes, **options)`` returns the model, not built yet.
    input_shape : tuple of int
        (C, H, W) it is meant for; others work where the layers fit.
    about : str
        One line.
    """

    function: Callable[..., Sequential]
    input_shape: tuple[int, int, int]
    about: str

    @property
    def options(self) -> dict[str, Any]:
        """Option -> default; of the bundled models only seed_cnn has any."""
        parameters = inspect.signature(self.function).parameters.values()
        return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


MODELS: dict[str, ModelInfo] = {
    "seed_cnn": ModelInfo(
        seed_cnn, (3, 224, 224), "four strided convolutions for photographs: the article's network"
    ),
    "resnet20": ModelInfo(
        resnet20, (3, 32, 32), "residual network for small colour images (He et al., 2015)"
    ),
    "lenet": ModelInfo(
        lenet, (1, 28, 28), "two convolutions and poolings: PaddlePaddle's network for digits"
    ),
    "simple_convnet": ModelInfo(
        simple_convnet, (1, 28, 28), "one convolution, two linear layers (Saitoh, chapter 7)"
    ),
    "deep_convnet": ModelInfo(
        deep_convnet, (1, 28, 28), "six convolutions, dropout (Saitoh, chapter 8)"
    ),
    "digits_cnn": ModelInfo(
        digits_cnn, (1, 8, 8), "two convolutions for tiny images, such as the bundled digits"
    ),
}

_DEFAULTS = {"photos": "seed_cnn", "idx": "lenet", "digits": "digits_cnn"}


def create(name: str, classes: int, **options: Any) -> Sequential:
    """Make a bundled model.

    Parameters
    ----------
    name : str
        A key of ``MODELS``.
    classes : int
        Number of outputs, at least 1.
    **options
        As the model's function takes them.

    Returns
    -------
    Sequential
        Not built yet.

    Raises
    ------
    ArgumentError
        If the model or an option is not known; lists those that are.

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
        raise ArgumentError(f"model {name!r} has no option {unknown[0]!r}; it takes {takes}.")
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ArgumentError(f"model {name!r}: classes={classes!r} must be a whole number from 1.")
    return MODELS[name].function(classes, **options)


def default_for(kind: str) -> str:
    """Name the model to begin with for a kind of data.

    Parameters
    ----------
    kind : {"photos", "idx", "digits"}
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
