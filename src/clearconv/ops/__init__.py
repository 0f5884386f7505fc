"""A chapter per operation, each told three times under one contract: loops, matrix, native.

``CHAPTERS`` lists them; it drives the tests, the benchmark, ``clearconv show`` and the docs.
"""

from importlib import import_module
from typing import Any

_CHAPTERS = (
    "activation adaptive_avg_pool2d avg_pool2d batch_norm2d conv2d conv_block conv_transpose2d "
    "cross_entropy dropout global_avg_pool2d group_norm im2col linear max_pool2d softmax "
    "squared_error update upsample2d"
).split()


def __getattr__(name: str) -> Any:  # on demand: importing one operation need not load all
    if name == "CHAPTERS":
        return import_module("clearconv.ops.discovery").CHAPTERS
    if name in _CHAPTERS:
        return import_module(f"clearconv.ops.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "CHAPTERS", *_CHAPTERS})
