"""A model's architecture as plain data, and back."""

from typing import Any, TypeVar

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ClearconvError, ModelFileError
from clearconv.layers.base import registry
from clearconv.layers.base.node import Node, Shape

FORMAT = 1

Kind = TypeVar("Kind", bound=type[Node])


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
        If it is no layer, or a built-in layer has that name.
    """
    if not (isinstance(kind, type) and issubclass(kind, Node)):
        raise ArgumentError(f"register_layer: {kind!r} is not a subclass of clearconv.Layer.")
    if kind.__name__ in registry.BUILT_IN:
        raise ArgumentError(f"register_layer: {kind.__name__!r} is built in; rename yours.")
    registry.registered[kind.__name__] = kind
    return kind


def to_spec(node: Node) -> dict[str, Any]:
    """Return ``{"format": 1, "nodes": [{name, type, arguments, inputs}]}``."""
    return {"format": FORMAT, "nodes": [_describe(node)]}


def from_spec(spec: dict[str, Any]) -> Node:
    """Make the model that a spec describes; not built yet.

    Parameters
    ----------
    spec : dict
        As from ``model.spec()``.

    Returns
    -------
    Node
        A new model.

    Raises
    ------
    ModelFileError
        If the format is newer, a layer type or activation is not registered, or an argument is
        wrong; names it.
    """
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
) -> Node:
    """Make a copy of a node; `built`: input shape, seed, dtype, state, what is frozen."""
    node = from_spec(spec)
    if built is not None:
        input_shape, seed, dtype, state, frozen = built
        node.build(input_shape, seed, dtype).load_state_dict(state)
        if frozen:
            node.freeze(frozen)  # type: ignore[attr-defined]  # only a Sequential has been frozen
    node.info = info
    return node


def _describe(node: Node) -> dict[str, Any]:
    """One entry of ``nodes``; `inputs` is empty, since containers own the wiring."""
    return {
        "name": node.name,
        "type": type(node).__name__,
        "arguments": {key: _plain(value) for key, value in node.arguments.items()},
        "inputs": [],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Node):
        return {"node": _describe(value)}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _make(described: dict[str, Any]) -> Node:
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
