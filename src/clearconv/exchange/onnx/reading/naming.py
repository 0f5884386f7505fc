"""Names of a graph's nodes, after those of the file."""

import re
from collections.abc import Iterable

from clearconv.exchange.onnx.reading.plain import Operator

#: Name of what a graph reads first.
INPUT = "input"


class Names:
    """Gives every node a path of its own, of letters, digits, "_", "-" and dots.

    Parameters
    ----------
    stored : iterable of str
        Names of the tensors that the file stores: weights.
    """

    def __init__(self, stored: Iterable[str] = ()) -> None:
        self.stored = frozenset(stored)
        self._taken = {INPUT}
        self._counts: dict[str, int] = {}

    def free(self, wanted: str | None, prefix: str) -> str:
        """Return the wanted path, made different from all others; else prefix and number."""
        path = cleaned(wanted) if wanted else ""
        if not path:
            path = self._numbered(prefix)
        elif path in self._taken:
            path = self._numbered(path + "_")
        self._taken.add(path)
        return path

    def of(self, operator: Operator) -> str | None:
        """Return the path that an operator with weights should have: that of the weights."""
        weight = operator.inputs[1] if len(operator.inputs) > 1 else ""
        named = layer_of(weight) if weight in self.stored else None
        return named or layer_in(operator.name)

    def _numbered(self, prefix: str) -> str:
        while True:
            self._counts[prefix] = self._counts.get(prefix, 0) + 1
            path = f"{prefix}{self._counts[prefix]}"
            if path not in self._taken:
                return path


def cleaned(name: str) -> str:
    """Return a name as a path: separators become dots, other signs "_"."""
    parts = (re.sub(r"[^A-Za-z0-9_-]+", "_", part)[:60] for part in re.split(r"[./:]+", name))
    return ".".join(filter(None, parts))[:150].strip(".")


_ENDINGS = ("weight", "kernel", "scale", "gamma", "W")


def layer_of(tensor: str) -> str | None:
    """Return the path of the layer whose weights have this name: ``conv1.weight`` -> ``conv1``."""
    path = cleaned(tensor)
    for ending in _ENDINGS:
        for sign in (".", "_"):
            if path.endswith(sign + ending):
                return path[: -len(ending) - 1]
    return None


def layer_in(node: str) -> str | None:
    """Return the path in an operator's name: ``/layer1/layer1.0/conv1/Conv`` -> ``layer1.0.conv1``.

    PyTorch writes every module on the way, by its whole path or by its last part.
    """
    *parts, _ = node.strip("/").split("/")
    path = ""
    for part in parts:
        path = part if not path or part == path or part.startswith(f"{path}.") else f"{path}.{part}"
    return cleaned(path) or None
