"""How a method hands a call up to a room above its own, without importing it.

The top level of the package knows where each public name lives, and loads it on demand. It tells
this file how, so that ``model.export_onnx`` in the layers can call what the exchange defines, and
imports still point down.
"""

from collections.abc import Callable
from typing import Any

_find: list[Callable[[str], Any]] = []


def tell(find: Callable[[str], Any]) -> None:
    """Take the function that finds public names; the package's top level calls it once.

    Parameters
    ----------
    find : callable
        Takes a name of ``clearconv`` and returns what it stands for.
    """
    _find[:] = [find]


def public(name: str) -> Any:
    """Return what a public name of ``clearconv`` stands for, loaded now if it is not yet.

    Parameters
    ----------
    name : str
        Name, such as "export_onnx".

    Returns
    -------
    object
    """
    return _find[0](name)
