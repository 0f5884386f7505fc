"""Architectures: short functions that return a model, not built yet."""

from clearconv.models.registry import MODELS, ModelInfo, create, default_for
from clearconv.models.resnet20 import resnet20
from clearconv.models.seed_cnn import seed_cnn
from clearconv.models.small import deep_convnet, digits_cnn, lenet, simple_convnet

__all__ = [
    "MODELS",
    "ModelInfo",
    "create",
    "deep_convnet",
    "default_for",
    "digits_cnn",
    "lenet",
    "resnet20",
    "seed_cnn",
    "simple_convnet",
]
