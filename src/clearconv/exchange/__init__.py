"""Other people's formats: what comes in, and what leaves.

Names are loaded when they are first used: each format needs its own packages.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearconv.exchange.names import renamed as renamed
    from clearconv.exchange.pretrained.catalogue import WEIGHTS as WEIGHTS
    from clearconv.exchange.pretrained.get import get_weights as get_weights
    from clearconv.exchange.start import start_from as start_from

#: Public name -> the module that it comes from.
_HOMES = {
    "WEIGHTS": "clearconv.exchange.pretrained.catalogue",
    "get_weights": "clearconv.exchange.pretrained.get",
    "renamed": "clearconv.exchange.names",
    "start_from": "clearconv.exchange.start",
}

__all__ = ["WEIGHTS", "get_weights", "renamed", "start_from"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clearconv.exchange' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
