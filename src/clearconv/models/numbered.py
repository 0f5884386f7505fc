"""Layers named by their places, as PyTorch's ``Sequential`` names them."""

from clearconv.layers import Node, Sequential


def numbered(*nodes: Node, name: str | None = None, start: int = 0) -> Sequential:
    """Chain nodes; those without a name are called by their places, counted from `start`."""
    for place, node in enumerate(nodes, start):
        if node.name is None:
            node.name = str(place)
    return Sequential(*nodes, name=name)
