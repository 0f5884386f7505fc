"""Layers named by their positions, as in PyTorch's ``Sequential``."""

from clearconv.layers import Node, Sequential


def numbered(*nodes: Node, name: str | None = None, start: int = 0) -> Sequential:
    """Chain nodes; those without a name are named by their positions, counted from `start`."""
    for place, node in enumerate(nodes, start):
        if node.name is None:
            node.name = str(place)
    return Sequential(*nodes, name=name)
