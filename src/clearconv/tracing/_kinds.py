"""Which operation each kind of layer runs."""

from typing import Any, NamedTuple

from clearconv.layers import (
    Activation,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    InstanceNorm2d,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Node,
    Softmax,
    Upsample,
)

_CHAPTERS: dict[type[Layer], str | None] = {
    Conv2d: "conv2d",
    ConvTranspose2d: "conv_transpose2d",
    Linear: "linear",
    MaxPool2d: "max_pool2d",
    AvgPool2d: "avg_pool2d",
    GlobalAvgPool2d: "global_avg_pool2d",
    AdaptiveAvgPool2d: "adaptive_avg_pool2d",
    Upsample: "upsample2d",
    BatchNorm2d: "batch_norm2d",
    GroupNorm: "group_norm",
    InstanceNorm2d: "group_norm",
    LayerNorm: "group_norm",
    Dropout: "dropout",
    Flatten: None,
    Softmax: "softmax",
    Activation: "activation",
}


class Kind(NamedTuple):
    """A layer's class by name, its chapter, the activation that it has or is; whether it is new."""

    name: str
    chapter: str | None
    activation: str
    own: bool


def kind_of(node: Node) -> Kind:
    """Tell what a node computes; a subclass that changes neither pass counts as its base."""
    made: Any = type(node)
    if not isinstance(node, Layer):  # the end of a container
        return Kind("Concat" if isinstance(node, Concat) else "Residual", None, "identity", False)
    for base, chapter in _CHAPTERS.items():
        if not isinstance(node, base):
            continue
        if node.computes_as(base):
            name = made.__name__ if made.__module__.startswith("clearconv.") else base.__name__
            activation = node.kind if isinstance(node, Activation) else _inside(node)
            return Kind(name, chapter, activation, False)
    return Kind(made.__name__, None, "identity", True)


def _inside(node: Node) -> str:
    return getattr(node, "activation", "identity")
