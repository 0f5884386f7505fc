"""How each ONNX operator becomes layers: a file per operator or family, found by its folder.

A file names in ``READERS`` the operators that it reads, each with a ``Reader``.
"""

from importlib import import_module
from pathlib import Path

from clearconv.exchange.onnx.reading.operators.base.reader import Reader

_FOLDER = Path(__file__).parent

#: Type of an operator -> how it is read.
READERS: dict[str, Reader] = {}

for _file in sorted(_FOLDER.glob("*/[!_]*.py")):
    _module = import_module(f"{__name__}.{_file.parent.name}.{_file.stem}")
    READERS.update(getattr(_module, "READERS", {}))
