"""A chapter per operation, each told three times under one contract: loops, matrix, native.

``CHAPTERS`` lists them; it drives the tests, the benchmark, ``clearconv show`` and the docs.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "CHAPTERS":  # loaded on demand: importing an operation need not load all cases
        from clearconv.ops._chapters import CHAPTERS

        return CHAPTERS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
