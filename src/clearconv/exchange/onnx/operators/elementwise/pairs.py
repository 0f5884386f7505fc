"""Add, Sub, Mul, Div, Max, Min, Pow: arithmetic between values."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import Writer
from clearconv.layers import Add, Divide, MultiInput, Multiply, Subtract
from clearconv.layers.elementary.pairs import Larger, Power, Smaller

_KINDS: dict[type[MultiInput], str] = {
    Add: "Add",
    Subtract: "Sub",
    Multiply: "Mul",
    Divide: "Div",
    Larger: "Max",
    Smaller: "Min",
    Power: "Pow",
}
LAYERS = tuple(_KINDS)


def write(node: MultiInput, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator; what has several operands and an operator of two, as several."""
    kind = next(_KINDS[layer] for layer in type(node).__mro__ if layer in _KINDS)
    first, *rest = same_axes(node, inputs, to)
    if kind in ("Max", "Min"):
        return to.op(kind, first, *rest)
    for other in rest:
        first = to.op(kind, first, other)
    return first


def same_axes(node: MultiInput, inputs: Sequence[str], to: Writer) -> list[str]:
    """Return the inputs with as many axes: those that one lacks come after the batch's.

    A constant is written without a batch axis, so that it is broadcast as it stands.
    """
    axes = max(map(len, node.shapes))
    found = []
    for name, shape, constant in zip(inputs, node.shapes, node.fixed, strict=True):
        lacking = axes - len(shape)
        if lacking and not constant:
            new = to.constant(list(range(1, 1 + lacking)), "axes", "int64")
            name = to.op("Unsqueeze", name, new)
        found.append(name)
    return found
