"""A model's architecture as plain data, and back."""

from typing import Any

from clearconv.errors import ArgumentError, ClearconvError, ModelFileError
from clearconv.layers import activations, batch_norm2d, containers, conv2d, dropout, linear, pool2d
from clearconv.layers._node import Node

FORMAT = 1

_types: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        conv2d.Conv2d,
        linear.Linear,
        linear.Flatten,
        pool2d.MaxPool2d,
        pool2d.AvgPool2d,
        pool2d.GlobalAvgPool2d,
        batch_norm2d.BatchNorm2d,
        dropout.Dropout,
        activations.Activation,
        activations.ReLU,
        activations.LeakyReLU,
        activations.Sigmoid,
        activations.Tanh,
        activations.Identity,
        activations.Softmax,
        containers.Sequential,
        containers.ConvPool2d,
        containers.Residual,
        containers.Concat,
    )
}


def register_layer(kind: type[Node]) -> type[Node]:
    """Make a layer of your own loadable from a saved model; usable as a decorator.

    Parameters
    ----------
    kind : type
        A subclass of ``Layer`` whose constructor passes its arguments on to ``Layer.__init__``.

    Raises
    ------
    ArgumentError
        If a layer of that name is there already.
    """
    if kind.__name__ in _types and _types[kind.__name__] is not kind:
        raise ArgumentError(f"register_layer: {kind.__name__!r} exists already; rename yours.")
    _types[kind.__name__] = kind
    return kind


def to_spec(node: Node) -> dict[str, Any]:
    """Return ``{"format": 1, "nodes": [{name, type, arguments, inputs}]}``."""
    return {"format": FORMAT, "nodes": [_describe(node, [])]}


def from_spec(spec: dict[str, Any]) -> Node:
    """Make the model that a spec describes; not built yet.

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
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"The model's description is damaged: {error!r}") from None


def _describe(node: Node, inputs: list[str]) -> dict[str, Any]:
    return {
        "name": node.name,
        "type": type(node).__name__,
        "arguments": {key: _plain(value) for key, value in node.arguments.items()},
        "inputs": inputs,
    }


def _plain(value: Any) -> Any:
    """Nodes become descriptions; a list of them, each fed by the one before, a chain."""
    if isinstance(value, Node):
        return {"node": _describe(value, [])}
    if isinstance(value, list) and value and isinstance(value[0], Node):
        return {"nodes": [_describe(node, []) for node in value]}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _make(described: dict[str, Any]) -> Node:
    kind = _types.get(described["type"])
    if kind is None:
        raise ModelFileError(
            f"The model has a layer of type {described['type']!r}, which is not known here. If it "
            "is your own, import it and call clearconv.register_layer before loading."
        )
    positional: list[Node] = []
    arguments: dict[str, Any] = {}
    for key, value in described["arguments"].items():
        if isinstance(value, dict) and "nodes" in value:
            positional = [_make(item) for item in value["nodes"]]
        elif isinstance(value, dict) and "node" in value:
            arguments[key] = _make(value["node"])
        elif key in ("layers", "body", "branches"):  # no children at all
            continue
        else:
            arguments[key] = _tuples(value)
    return kind(*positional, **arguments, name=described["name"])


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
