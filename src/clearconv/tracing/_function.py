"""The function that computes a quantity, and the place of its source."""

import inspect
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Function:
    """The function that computes a quantity, in the chapter's loops.

    Attributes
    ----------
    name : str
        Dotted name, such as ``"clearconv.ops.conv2d.loops.forward"``.
    file : str
        File relative to the package's parent folder: ``"clearconv/ops/conv2d/loops.py"``.
    line : int
        First line in that file.
    """

    name: str
    file: str
    line: int

    @property
    def source(self) -> str:
        """Return the source text, read from the file."""
        return inspect.getsource(inspect.unwrap(_found(self.name)))


@lru_cache(maxsize=256)
def function_of(name: str) -> Function:
    """Look a function or method up by its dotted name below ``clearconv``."""
    whole = f"clearconv.{name}"
    found = inspect.unwrap(_found(whole))  # the formula, not the decorator that sums its shards
    package = Path(str(files("clearconv"))).parent
    file = Path(str(inspect.getsourcefile(found))).relative_to(package)
    return Function(whole, file.as_posix(), inspect.getsourcelines(found)[1])


def dotted(found: Any, method: str = "") -> str:
    """Return the name of a function or method of the library, for ``function_of``."""
    name = ".".join(filter(None, (found.__module__, found.__qualname__, method)))
    return name.removeprefix("clearconv.")


def _found(name: str) -> Any:
    """Import modules as far as possible, then take attributes."""
    module, _, rest = name.rpartition(".")
    try:
        return getattr(import_module(module), rest)
    except ModuleNotFoundError:
        return getattr(_found(module), rest)
