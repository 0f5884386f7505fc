"""Activations as operators, for layers of their own and for those inside a convolution."""

from clearconv.exchange.onnx.operators.base.writer import Unwritable, Writer


def activated(kind: str, x: str, to: Writer, slope: float = 0.01) -> str:
    """Add the operators of an activation, and return the name of the result.

    Parameters
    ----------
    kind : str
        Name of the activation.
    x : str
        Name of its input.
    to : Writer
        Graph that receives the operators.
    slope : float
        Slope of "leaky_relu".

    Returns
    -------
    str

    Raises
    ------
    Unwritable
        If the activation is not the library's.
    """
    if kind == "identity":
        return x
    simple = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
    if kind in simple:
        return to.op(simple[kind], x)
    if kind == "relu6":
        low, high = to.constant(0.0, "low", "float32"), to.constant(6.0, "high", "float32")
        return to.op("Clip", x, low, high)
    if kind == "leaky_relu":
        return to.op("LeakyRelu", x, alpha=float(slope))
    if kind == "hardsigmoid":
        return _hardsigmoid(x, to)
    if kind == "hardswish":
        # HardSwish exists from opset 14 on, but the product is understood everywhere
        return to.op("Mul", x, _hardsigmoid(x, to))
    if kind == "silu":
        return to.op("Mul", x, to.op("Sigmoid", x))
    raise Unwritable(f"its activation {kind!r} is your own")


def _hardsigmoid(x: str, to: Writer) -> str:
    return to.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)
