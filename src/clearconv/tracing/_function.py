"""The function that computes a quantity, and where its source stands."""

import inspect
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Function:
    """The function that computes a quantity, as the chapter's loops tell it.

    Attributes
    ----------
    name : str
        Its dotted name, such as ``"clearconv.ops.conv2d.loops.forward"``.
    file : str
        Its file, from the package's folder down: ``"clearconv/ops/conv2d/loops.py"``.
    line : int
        Its first line in that file.
    """

    name: str
    file: str
    line: int

    @property
    def source(self) -> str:
        """Return its source text, read from the file."""
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
    """Name a function of the library, or a class's method, as ``function_of`` takes it."""
    name = ".".join(filter(None, (found.__module__, found.__qualname__, method)))
    return name.removeprefix("clearconv.")


def _found(name: str) -> Any:
    """Import as far as there are modules, then take attributes."""
    module, _, rest = name.rpartition(".")
    try:
        return getattr(import_module(module), rest)
    except ModuleNotFoundError:
        return getattr(_found(module), rest)
