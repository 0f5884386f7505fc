"""What a convolution and its transpose share: filters, a bias, an activation right after."""

import inspect
from abc import abstractmethod
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from clearconv.arrays import Array, Shape
from clearconv.errors import ShapeError
from clearconv.layers.activation.kinds import activate, calls_of, check_kind, deactivate
from clearconv.layers.base.arguments import count
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.numbers.initial import initial
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops.geometry.window import Pair, pair


class Convolution(Layer):
    """A layer of filters; a subclass names its chapter and defines where they lie.

    Parameters
    ----------
    geometry : dict
        Stride, padding, dilation and groups, as the chapter takes them.
    **arguments
        Arguments of the subclass, as ``from_spec`` needs them.
    name : str, optional
        Its part of the path.
    """

    prefix = "conv"
    operation: ModuleType

    def __init__(self, geometry: dict[str, Any], name: str | None, **arguments: Any) -> None:
        what = type(self).__name__
        arguments["out_channels"] = count(what, "out_channels", arguments["out_channels"])
        count(what, "groups", arguments["groups"])
        super().__init__(name, **arguments)
        self.geometry = geometry
        self.kernel = pair(what, "kernel_size", arguments["kernel_size"], least=1)
        activation = arguments["activation"]
        self.activation = check_kind(activation) if activation is not None else "identity"
        self.bias: bool = arguments["bias"]
        self.shared_biases: bool = arguments["shared_biases"]

    @abstractmethod
    def _weight_shape(self, C: int) -> Shape:
        """Return the shape of the filters for C input channels."""

    @abstractmethod
    def _output(self, size: Pair) -> Pair:
        """Return OH and OW."""

    @abstractmethod
    def _fans(self, C: int) -> tuple[float, float]:
        """Return the number of inputs that feed one output, and of outputs that one input feeds."""

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 3)
        C, H, W = input_shape
        O, groups = self.arguments["out_channels"], self.arguments["groups"]
        declared = self.arguments["in_channels"]
        if declared is not None and declared != C:
            raise ShapeError(
                f"in_channels={declared}, but the input has {C} channels. Leave in_channels out: "
                "it is inferred."
            )
        if groups < 1 or C % groups or O % groups:
            raise ShapeError(
                f"groups={groups} must divide both the input channels ({C}) and the output "
                f"channels ({O})."
            )
        output, shape, fans = self._output((H, W)), self._weight_shape(C), self._fans(C)
        self._parameter("weight", shape, initial(self.arguments["init"], shape, *fans))
        if self.bias:
            places = (O,) if self.shared_biases else (O, *output)
            first = initial(self.arguments["bias_init"], places, *fans)
            self._parameter("bias", places, first, decay=False)
        return (O, *output)

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (*super()._operations(training), *calls_of(self.activation))

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        bias = self.value("bias") if self.bias else None
        y = self.operation.forward(x, self.value("weight"), bias, **self.geometry)
        y, saved = activate(self.activation, y)
        return y, (x, saved)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        x, activated = saved
        grad = deactivate(self.activation, grad_y, activated)  # dL/d(before the activation)
        weight = self.value("weight")
        if context.in_parts:
            self._combine(grad, x, context)
        else:
            to = self.grad("weight")
            self.operation.backward_weight(grad, x, weight.shape, **self.geometry, out=to)
            if self.bias:
                self.operation.backward_bias(grad, self.shared_biases, out=self.grad("bias"))
        if not context.input_gradient:
            return None
        grad_x: Array = self.operation.backward_input(grad, weight, x.shape, **self.geometry)
        return grad_x

    def _combine(self, grad: Array, x: Array, context: Context) -> None:
        """Fill the parameters' gradients from the sums of all members of the group."""
        operation, to = self.operation, self.grad("weight")
        part = {"shards": context.shards, "joined": True}
        sums = operation.weight_sums(grad, x, to.shape, **self.geometry, **part)
        operation.weight_from_sum(context.group.combine(sums, "sum"), to.shape, out=to)
        if self.bias:
            sums = operation.bias_sums(grad, self.shared_biases, **part)
            self.grad("bias")[...] = context.group.combine(sums, "sum")


def reordered(
    kind: type[Layer], positional: Sequence[Any], order: Sequence[str], options: dict[str, Any]
) -> str:
    """Describe how to write a call that gave its arguments in PyTorch's order.

    `order` names what follows PyTorch's kernel_size, `options` holds what came by name.
    """
    _in, out, kernel, *rest = positional
    given = dict(zip(order, rest, strict=False))
    defaults = inspect.signature(kind).parameters
    for key, value in options.items():
        if value != defaults[key].default:
            given.setdefault(key, value)
    write = ", ".join([repr(out), repr(kernel), *(f"{k}={v!r}" for k, v in given.items())])
    return (
        f"{kind.__name__}({', '.join(map(repr, positional))}): input channels are inferred, so "
        f"only out_channels and kernel_size come by position. Write {kind.__name__}({write})."
    )
