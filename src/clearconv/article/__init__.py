"""The articles' own interface on top of the library: runs their code, with its errors fixed."""

from clearconv.article.activators import (
    Activator,
    IdentityActivator,
    ReluActivator,
    SigmoidActivator,
    TanhActivator,
)
from clearconv.article.attributes import (
    ExtraAttr,
    ExtraLayerAttribute,
    ParamAttr,
    ParameterAttribute,
)
from clearconv.article.check import gradient_check
from clearconv.article.conv_layer import ConvLayer, Filter
from clearconv.article.max_pooling_layer import MaxPoolingLayer
from clearconv.article.paddle import img_conv_layer, img_pool_layer, simple_img_conv_pool

__all__ = [
    "Activator",
    "ConvLayer",
    "ExtraAttr",
    "ExtraLayerAttribute",
    "Filter",
    "IdentityActivator",
    "MaxPoolingLayer",
    "ParamAttr",
    "ParameterAttribute",
    "ReluActivator",
    "SigmoidActivator",
    "TanhActivator",
    "gradient_check",
    "img_conv_layer",
    "img_pool_layer",
    "simple_img_conv_pool",
]
