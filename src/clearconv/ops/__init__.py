"""A chapter per operation, each told three times under one contract: loops, matrix, native.

``CHAPTERS`` lists them in reading order; it drives the tests, ``clearconv show`` and the docs.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:  # on demand: importing one operation need not load all
    discovery = import_module("clearconv.ops.discovery")
    if name == "CHAPTERS":
        return discovery.chapters()
    if name in discovery.names():
        return import_module(f"clearconv.ops.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    chapters = import_module("clearconv.ops.discovery").names()
    return sorted({*globals(), "CHAPTERS", *chapters})
