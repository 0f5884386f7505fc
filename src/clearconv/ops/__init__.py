"""A chapter per operation, each told three times under one contract: loops, matrix, native.

``CHAPTERS`` lists them in reading order; it drives the tests, ``clearconv show`` and the docs.

Functions are pure: arrays in, arrays out. Where one takes an `out`, it writes its result there and
returns that array, which must have the result's shape and dtype and be writable, and may have any
memory layout. Nothing of the result's size is allocated where it lies as the native kernels
write: maps channels last (of a convolution with gaps between pixels, if need be), matrices and rows
in C order, results number by number as their input lies. Otherwise, and if `out` shares memory
with an input, the result is computed in another array and copied. The loops write into any `out`;
the matrix telling does wherever NumPy can.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:  # on demand: importing one operation does not load them all
    discovery = import_module("clearconv.ops.discovery")
    if name == "CHAPTERS":
        return discovery.chapters()
    if name in discovery.names():
        return import_module(f"clearconv.ops.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    chapters = import_module("clearconv.ops.discovery").names()
    return sorted({*globals(), "CHAPTERS", *chapters})
