"""Architectures: short functions that return a model, not built yet."""

from clearconv.models.clearnets import clearnet, clearnet_small
from clearconv.models.densenet import densenet121
from clearconv.models.efficientnet import efficientnet_lite0
from clearconv.models.inception import googlenet
from clearconv.models.mobilenet import mobilenet_v2
from clearconv.models.registry import MODELS, ModelInfo, create, default_for
from clearconv.models.resnet import resnet18, resnet20, resnet34, resnet50, resnet56
from clearconv.models.seed import seed_cnn
from clearconv.models.small import deep_convnet, digits_cnn, lenet, simple_convnet
from clearconv.models.squeezenet import squeezenet1_1
from clearconv.models.vgg import vgg11, vgg11_bn, vgg16, vgg16_bn

__all__ = [
    "MODELS",
    "ModelInfo",
    "clearnet",
    "clearnet_small",
    "create",
    "deep_convnet",
    "default_for",
    "densenet121",
    "digits_cnn",
    "efficientnet_lite0",
    "googlenet",
    "lenet",
    "mobilenet_v2",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
    "resnet56",
    "seed_cnn",
    "simple_convnet",
    "squeezenet1_1",
    "vgg11",
    "vgg11_bn",
    "vgg16",
    "vgg16_bn",
]
