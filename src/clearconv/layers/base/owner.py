"""One layer, one model: its parameters live in the flat array of the model it was built in."""

from collections.abc import Iterable
from weakref import ref

from clearconv.errors import ArgumentError
from clearconv.layers.base.numbers.parameter import Leaf
from clearconv.words import cut


def check_free(model: object, layers: Iterable[Leaf]) -> None:
    """Raise if a layer belongs to another built model; rebuilding it would break that one."""
    for layer in layers:
        owner = layer.owner() if layer.owner is not None else None
        if owner is None or owner is model:
            continue
        where = "by itself" if owner is layer else f"in another model ({cut(repr(owner), 80)})"
        raise ArgumentError(
            f"build: {layer.label} was built {where}, whose parameters it holds; in this model it "
            "would get new ones, and the other would break. Make a layer for each model; "
            "clearconv.from_spec(layer.spec()) makes one with the same arguments."
        )


def take(model: object, layers: Iterable[Leaf]) -> None:
    """Note whose the layers are: weakly, so that a model thrown away frees them."""
    for layer in layers:
        layer.owner = ref(model)
