"""Which class a saved model's layer type names: each layer enters itself as it is defined."""

from inspect import isabstract
from typing import Any

#: Name -> class, of the library's own layers, and of those that ``register_layer`` was given.
BUILT_IN: dict[str, Any] = {}
registered: dict[str, Any] = {}


def enter(kind: type) -> None:
    """Enter a class of the library; one from elsewhere must be registered by name."""
    if kind.__module__.startswith("clearconv.layers."):
        BUILT_IN[kind.__name__] = kind


def known(name: str) -> Any:
    """Return the class of that name that can be made, or None."""
    kind = BUILT_IN.get(name) or registered.get(name)
    return None if kind is None or isabstract(kind) else kind
