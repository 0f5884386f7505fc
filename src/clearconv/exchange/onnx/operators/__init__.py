"""How each layer is written as ONNX operators: a file per operator, found by its folder.

A file names in ``LAYERS`` the layers and containers that it writes, and has a function
``write(node, inputs, to)``: it adds operators to the ``Writer`` and returns the name of the result.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Node

#: Writes a node that reads the values of these names, and returns the name of its own.
Write = Callable[[Any, Sequence[str], Writer], str]

_FOLDER = Path(__file__).parent

#: Layer or container -> how it is written.
WRITERS: dict[type[Node], Write] = {}

for _file in sorted(_FOLDER.glob("*/[!_]*.py")):
    _module = import_module(f"{__name__}.{_file.parent.name}.{_file.stem}")
    for _kind in getattr(_module, "LAYERS", ()):
        WRITERS[_kind] = _module.write
