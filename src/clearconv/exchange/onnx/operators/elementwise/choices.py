"""Equal, Greater, Less, Where: comparisons and choices."""

from collections.abc import Sequence

from clearconv.exchange.onnx.operators.base.writer import BOOL, FLOAT, Writer
from clearconv.exchange.onnx.operators.elementwise.pairs import same_axes
from clearconv.layers import MultiInput
from clearconv.layers.elementary.choices import Choose, Compare

LAYERS = (Choose, Compare)
_KINDS = {
    "equal": "Equal",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
}


def write(node: MultiInput, inputs: Sequence[str], to: Writer) -> str:
    """Write the operator; what is true is 1, as the layers have it."""
    first, *rest = same_axes(node, inputs, to)
    if isinstance(node, Choose):
        return to.op("Where", to.op("Cast", first, to=BOOL), *rest)
    kind = _KINDS[str(node.arguments["comparison"])]
    return to.op("Cast", to.op(kind, first, *rest), to=FLOAT)
