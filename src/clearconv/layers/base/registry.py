"""Layer types of saved models and their classes: each layer is entered when it is defined."""

from inspect import isabstract
from typing import Any

_entered: dict[str, Any] = {}
#: Name -> class, of the layers that ``register_layer`` was given.
registered: dict[str, Any] = {}


def enter(kind: type) -> None:
    """Enter a class of the library; one from elsewhere must be registered by name."""
    if kind.__module__.startswith("clearconv.layers.") and not kind.__name__.startswith("_"):
        _entered[kind.__name__] = kind


def built_in() -> dict[str, Any]:
    """Return the library's layers and containers by name, without the abstract bases."""
    return {name: kind for name, kind in _entered.items() if not isabstract(kind)}


def known(name: str) -> Any:
    """Return the class of that name, the library's or a registered one; None if there is none."""
    kind = _entered.get(name)  # whether it is abstract is known only after the class was entered
    return registered.get(name) if kind is None or isabstract(kind) else kind
