"""The fully connected layer."""

from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.activation.kinds import activate, calls_of, check_kind, deactivate
from clearconv.layers.base.arguments import count
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.numbers.initial import Init, constant, initial
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import linear


class Linear(Layer):
    """Every output is a weighted sum of all inputs.

    Parameters
    ----------
    out_features : int
        Number of outputs.
    bias : bool
        Whether to add a learnt number to each output.
    activation : str, optional
        Name of an activation applied to the result.
    in_features : int, optional
        Inferred at ``build``; if given, checked.
    init : {"he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article"} or float
        Initial weights; biases start at 0.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` (out_features, in_features), ``bias`` (out_features,).
    """

    prefix = "linear"
    operation = linear

    def __init__(
        self,
        out_features: int,
        *positional: Any,
        bias: bool = True,
        activation: str | None = None,
        in_features: int | None = None,
        init: Init = "he",
        name: str | None = None,
    ) -> None:
        if positional:
            raise ArgumentError(
                f"Linear({out_features!r}, {', '.join(map(repr, positional))}): input features are "
                "inferred, so only out_features comes by position. "
                f"Write Linear({positional[0]!r})."
            )
        out_features = count("Linear", "out_features", out_features)
        super().__init__(
            name,
            out_features=out_features,
            bias=bias,
            activation=activation,
            in_features=in_features,
            init=init,
        )
        self.activation = check_kind(activation) if activation is not None else "identity"
        self.bias = bias

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 1)
        (I,), O = input_shape, self.arguments["out_features"]
        declared = self.arguments["in_features"]
        if declared is not None and declared != I:
            raise ShapeError(
                f"in_features={declared}, but the input has {I} features. Leave in_features out: "
                "it is inferred."
            )
        self._parameter("weight", (O, I), initial(self.arguments["init"], (O, I), I, O))
        if self.bias:
            self._parameter("bias", (O,), constant(0.0, (O,)), decay=False)
        return (O,)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (*super()._operations(training), *calls_of(self.activation))

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("features", x.shape[1], self.input_shape[0], x.shape)
        y = linear.forward(x, self.value("weight"), self.value("bias") if self.bias else None)
        y, saved = activate(self.activation, y)
        return y, (x, saved)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        x, activated = saved
        grad = deactivate(self.activation, grad_y, activated)
        if context.in_parts:
            shards, group = context.shards, context.group
            sums = linear.weight_sums(grad, x, shards=shards, joined=True)
            self.grad("weight")[...] = group.combine(sums, "sum")
            if self.bias:
                sums = linear.bias_sums(grad, shards=shards, joined=True)
                self.grad("bias")[...] = group.combine(sums, "sum")
        else:
            linear.backward_weight(grad, x, out=self.grad("weight"))
            if self.bias:
                linear.backward_bias(grad, out=self.grad("bias"))
        return linear.backward_input(grad, self.value("weight")) if context.input_gradient else None

    def multiply_adds(self) -> int:
        """Inputs times outputs."""
        return self.input_shape[0] * self.output_shape[0]
