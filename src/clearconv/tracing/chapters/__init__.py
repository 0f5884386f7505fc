"""What each chapter says about its numbers: a class a chapter, a method a quantity."""

from clearconv.tracing._data import LayerTrace
from clearconv.tracing.chapters._base import Explainer
from clearconv.tracing.chapters.elementwise import Activation
from clearconv.tracing.chapters.moving import Dropout, Flatten
from clearconv.tracing.chapters.normalisation import Normalisation
from clearconv.tracing.chapters.pooling import MaxPool, Resampling
from clearconv.tracing.chapters.softmax import Softmax
from clearconv.tracing.chapters.weighted import Convolution, Linear

_EXPLAINERS: dict[str, type[Explainer]] = {
    "conv2d": Convolution,
    "conv_transpose2d": Convolution,
    "linear": Linear,
    "max_pool2d": MaxPool,
    "avg_pool2d": Resampling,
    "global_avg_pool2d": Resampling,
    "adaptive_avg_pool2d": Resampling,
    "upsample2d": Resampling,
    "batch_norm2d": Normalisation,
    "group_norm": Normalisation,
    "activation": Activation,
    "softmax": Softmax,
    "dropout": Dropout,
}


def explainer_of(layer: LayerTrace) -> Explainer | None:
    """Return what explains a layer's numbers; None for one of the user's own."""
    if layer.type == "Flatten" and not layer.own:
        return Flatten(layer)
    if layer.chapter not in _EXPLAINERS:
        return None
    return _EXPLAINERS[layer.chapter](layer)
