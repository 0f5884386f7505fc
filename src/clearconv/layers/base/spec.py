"""Layers and containers as plain data, and back."""

import re
from typing import Any, TypeVar

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ClearconvError, ModelFileError
from clearconv.layers.base import registry

FORMAT = 1


class Described:
    """What plain data describes: a kind, a name, and the constructor's other arguments.

    Parameters
    ----------
    name : str, optional
        Part of the path; letters, digits, "_" and "-".
    **arguments
        The constructor's other arguments, with which it can be made again.
    """

    #: Name of an unnamed node, followed by a number.
    prefix = "layer"
    #: The argument that the constructor takes as ``*nodes``, if there is one.
    starred: str | None = None

    def __init_subclass__(cls) -> None:
        """Enter each kind of layer in the registry."""
        super().__init_subclass__()
        registry.enter(cls)

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        if name is not None and not (isinstance(name, str) and re.fullmatch(r"[\w-]*", name)):
            raise ArgumentError(
                f"{type(self).__name__}: name={name!r}, but a name is text of letters, digits, "
                "'_' or '-' (dots separate the names of a path)."
            )
        self.name = name
        self.arguments = arguments

    def spec(self) -> dict[str, Any]:
        """Describe the architecture as plain data, from which ``from_spec`` makes it again."""
        return {"format": FORMAT, "nodes": [_describe(self)]}

    def __repr__(self) -> str:
        """Show the call that makes it."""
        arguments = dict(self.arguments)
        nodes = arguments.pop(self.starred) if self.starred is not None else ()
        shown = [repr(node) for node in nodes]
        shown += [f"{key}={value!r}" for key, value in arguments.items()]
        shown += [f"name={self.name!r}"] if self.name is not None else []
        return f"{type(self).__name__}({', '.join(shown)})"


Kind = TypeVar("Kind", bound=type[Described])


def register_layer(kind: Kind) -> Kind:
    """Make a layer of your own loadable from a saved model; usable as a decorator.

    Parameters
    ----------
    kind : type
        A subclass of ``Layer`` whose constructor passes its arguments on to ``Layer.__init__``.
        Registering another class of the same name replaces it.

    Returns
    -------
    type
        The same class.

    Raises
    ------
    ArgumentError
        If it is not a layer, or a built-in layer has that name.
    """
    if not (isinstance(kind, type) and issubclass(kind, Described)):
        raise ArgumentError(f"register_layer: {kind!r} is not a subclass of clearconv.Layer.")
    if kind.__name__ in registry.built_in():
        raise ArgumentError(f"register_layer: {kind.__name__!r} is built in; rename yours.")
    registry.registered[kind.__name__] = kind
    return kind


def make(spec: dict[str, Any]) -> Any:
    """Make what a spec describes; see ``from_spec``."""
    try:
        if spec["format"] != FORMAT:
            raise ModelFileError(
                f"The model has format {spec['format']!r}, but this clearconv reads {FORMAT}. "
                "Update clearconv."
            )
        (described,) = spec["nodes"]
        return _make(described)
    except ModelFileError:
        raise
    except ClearconvError as error:
        raise ModelFileError(f"The model's description cannot be used: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"The model's description is damaged: {error!r}") from None


def remake(
    spec: dict[str, Any],
    built: tuple[Shape, int, str, dict[str, Array], int | str] | None,
    info: dict[str, Any],
) -> Any:
    """Make a copy of a node; `built`: input shape, seed, dtype, state, what is frozen."""
    node = make(spec)
    if built is not None:
        input_shape, seed, dtype, state, frozen = built
        node.build(input_shape, seed, dtype).load_state_dict(state)
        if frozen:
            node.freeze(frozen)
    node.info = info
    return node


def _describe(node: Described) -> dict[str, Any]:
    """One entry of ``nodes``; `inputs` is empty, since containers own the wiring."""
    return {
        "name": node.name,
        "type": type(node).__name__,
        "arguments": {key: _plain(value) for key, value in node.arguments.items()},
        "inputs": [],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Described):
        return {"node": _describe(value)}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _make(described: dict[str, Any]) -> Any:
    name = described["type"]
    kind = registry.known(name)
    if kind is None:
        raise ModelFileError(
            f"The model has a layer of type {name!r}, which is not known here. If it is your own, "
            "import it and call clearconv.register_layer before loading."
        )
    arguments = {key: _value(value) for key, value in described["arguments"].items()}
    nodes = arguments.pop(kind.starred) if kind.starred is not None else ()
    return kind(*nodes, **{**arguments, "name": described["name"]})


def _value(plain: Any) -> Any:
    """Undo `_plain`; sequences become tuples."""
    if isinstance(plain, dict) and plain.keys() == {"node"}:
        return _make(plain["node"])
    return tuple(map(_value, plain)) if isinstance(plain, list) else plain
