"""A model's layers as operators."""

from clearconv.errors import ArgumentError
from clearconv.exchange.onnx.operators import WRITERS, Write
from clearconv.exchange.onnx.operators.base.writer import Unwritable, Writer
from clearconv.layers import Layer, Node
from clearconv.layers.wiring.places import Places
from clearconv.words import some


def write_network(graph: Places, x: str, to: Writer) -> dict[str, str]:
    """Add a network's operators.

    Parameters
    ----------
    graph : Places
        Wiring of the built model.
    x : str
        Name of its input.
    to : Writer
        Graph that receives the operators, with the model's numbers.

    Returns
    -------
    dict
        Path of each place of the model -> name of its output.

    Raises
    ------
    ArgumentError
        If layers have no form in ONNX; names all of them.
    """
    values = {graph.input: x}
    wrong: list[str] = []
    for place in graph.places:
        write, inputs = _writer(place.node), [values[source] for source in place.sources]
        to.scope = place.path
        try:
            if write is None:
                raise Unwritable("it is a layer of your own")
            values[place.path] = write(place.node, inputs, to)
        except Unwritable as why:
            values[place.path] = inputs[0] if inputs else ""  # only to find the others
            wrong.append(f"{type(place.node).__name__} '{place.path}' ({why})")
    to.scope = ""
    if wrong:
        raise ArgumentError(
            f"export_onnx: ONNX has no operators for {some(wrong, 20)}. Build the model of the "
            "library's layers and activations to export it."
        )
    return values


def _writer(node: Node) -> Write | None:
    """Return how a node is written: as the layer of the library whose passes it runs."""
    kind = node.of_the_library() if isinstance(node, Layer) else type(node)
    return WRITERS.get(kind) if kind is not None else None
