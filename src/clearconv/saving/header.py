"""What a model file claims, checked before anything of the claimed size is made.

A file may come from anywhere. Its header is read only up to a fixed length, its description only up
to a fixed number of values and layers, and every array that the layers declare must be in the file,
byte for byte, before the first is allocated.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ModelFileError
from clearconv.saving.foreign import LOOK, looks_like
from clearconv.words import cut, some

#: Bytes of the header. A record of an epoch takes 400, a tensor 100: room for 25,000 epochs of the
#: largest networks, and not enough to overwhelm a parser.
MOST_HEADER = 2**24
_MOST_VALUES = 2**20  # of a description, each up to 100 bytes in memory
_MOST_LAYERS = 4096  # the deepest networks in use have about a thousand
_MOST_DEPTH = 64  # of containers within containers
_MOST_LETTERS = 200  # of a name; a path joins as many as containers are nested


class DamagedFileError(ModelFileError):
    """The bytes of a model file differ from those that were written."""


def check_header(path: Path) -> None:
    """Raise unless the file may be a safetensors file with a header of acceptable length."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(LOOK)
    length = int.from_bytes(head[:8], "little")
    if size >= 10 and length <= min(size - 8, MOST_HEADER) and head[8:9] == b"{":
        return
    seems = looks_like(path, head)
    if seems is not None:
        raise DamagedFileError(f"{path} is not a clearconv model, but seems to be {seems}.")
    if size >= 10 and head[8:9] == b"{" and length > MOST_HEADER:
        raise DamagedFileError(
            f"{path} announces a header of {length:,} bytes (the file has {size:,}), but a "
            f"model's has at most {MOST_HEADER:,}. It was not written by clearconv."
        )
    raise DamagedFileError(
        f"{path} is not a whole clearconv model: it has {size:,} bytes, and does not begin as a "
        "safetensors file of that size does. Was it cut off while copying?"
    )


def description(path: Path, text: str) -> dict[str, Any]:
    """Return the file's description of its model, if its size is acceptable."""
    if sum(map(text.count, "[{,")) > _MOST_VALUES:
        raise ModelFileError(
            f"{path}: the model's description has more than {_MOST_VALUES:,} values. It was not "
            "written by clearconv."
        )
    try:
        about = json.loads(text)
        todo = [(node, 1) for node in about["spec"]["nodes"]]
        count = 0
        while todo:
            value, depth = todo.pop()
            if isinstance(value, dict):
                count += "type" in value
                if count > _MOST_LAYERS or depth > 4 * _MOST_DEPTH:
                    raise ModelFileError(
                        f"{path}: the model has more than {_MOST_LAYERS:,} layers, or more than "
                        f"{_MOST_DEPTH} within one another. It was not written by clearconv."
                    )
                if isinstance(value.get("name"), str) and len(value["name"]) > _MOST_LETTERS:
                    raise ModelFileError(
                        f"{path}: a layer's name has {len(value['name']):,} letters, but at most "
                        f"{_MOST_LETTERS} are read. It was not written by clearconv."
                    )
                value = list(value.values())
            if isinstance(value, list):
                todo += [(item, depth + 1) for item in value]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: the model's description is damaged: {error!r}") from None
    return dict(about)


def check_tensors(
    path: Path, declared: Mapping[str, Shape], dtype: str, tensors: Mapping[str, Array]
) -> None:
    """Raise unless the file holds exactly what the layers declared."""
    missing, more = declared.keys() - tensors.keys(), tensors.keys() - declared.keys()
    if missing or more:
        raise ModelFileError(
            f"{path} does not hold what its layers need: missing {some(_short(missing))}; not in "
            f"the model {some(_short(more))}. Was the file changed after it was saved?"
        )
    for name, shape in declared.items():
        got = tensors[name]
        if (str(got.dtype), got.shape) != (dtype, shape):
            raise ModelFileError(
                f"{path}: {name} is {got.dtype} of shape {cut(str(got.shape), 80)}, but its layer "
                f"needs {dtype} of shape {cut(str(shape), 80)}. Was the file changed after it was "
                "saved?"
            )


def _short(names: Iterable[str]) -> list[str]:
    """Keep a message to one line, whatever the file contains."""
    return [cut(name, 80) for name in sorted(names)]
