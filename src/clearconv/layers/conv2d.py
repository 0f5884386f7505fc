"""The convolution layer."""

import inspect
from typing import Any

from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers._layer import Layer, check_window, count
from clearconv.layers._node import Shape
from clearconv.layers._tape import Context
from clearconv.layers.activations import activate, check_kind, deactivate
from clearconv.layers.initial import Init, constant, initial
from clearconv.ops import conv2d
from clearconv.ops._arrays import Array
from clearconv.ops._window import IntOrPair, Padding, Window, pair


class Conv2d(Layer):
    """Filters that slide over the image; optionally an activation right after.

    Parameters
    ----------
    out_channels : int
        Number of filters.
    kernel_size : int or (int, int)
        Rows and columns of a filter.
    stride, dilation : int or (int, int)
        Step of the window; distance of neighbouring kernel elements.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image.
    groups : int
        Groups of channels that do not see each other.
    bias : bool
        Whether each output channel adds a number of its own.
    activation : str, optional
        Name of an activation applied to the result.
    in_channels : int, optional
        Inferred at ``build``; if given, checked.
    init : {"he", "he_fan_out", "he_uniform", "xavier", "pytorch", "article"} or float
        Initial weights, see ``clearconv.layers.initial``; biases start at 0.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` (out_channels, in_channels / groups, KH, KW), ``bias`` (out_channels,).
    """

    prefix = "conv"

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrPair,
        *positional: Any,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str | None = None,
        in_channels: int | None = None,
        init: Init = "he",
        name: str | None = None,
    ) -> None:
        options = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "bias": bias,
            "activation": activation,
            "in_channels": in_channels,
            "init": init,
        }
        if positional:
            raise ArgumentError(_reordered((out_channels, kernel_size, *positional), options, name))
        out_channels = count("Conv2d", "out_channels", out_channels)
        count("Conv2d", "groups", groups)
        check_window("Conv2d", kernel_size, stride, padding, dilation)
        super().__init__(name, out_channels=out_channels, kernel_size=kernel_size, **options)
        self.kernel = pair("Conv2d", "kernel_size", kernel_size, least=1)
        self.activation = check_kind(activation) if activation is not None else "identity"
        self.bias = bias
        self.how: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }

    def _build(self, input_shape: Shape) -> Shape:
        self._needs(input_shape, 3)
        (C, H, W), (KH, KW) = input_shape, self.kernel
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
        how = {key: self.how[key] for key in ("stride", "padding", "dilation")}
        window = Window.of(self.label, (H, W), self.kernel, **how)
        shape = (O, C // groups, KH, KW)
        fan_in, fan_out = C // groups * KH * KW, O // groups * KH * KW
        self._parameter("weight", shape, initial(self.arguments["init"], shape, fan_in, fan_out))
        if self.bias:
            self._parameter("bias", (O,), constant(0.0, (O,)), decay=False)
        return (O, *window.output)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        bias = self.value("bias") if self.bias else None
        y = conv2d.forward(x, self.value("weight"), bias, **self.how)
        y, saved = activate(self.activation, y)
        return y, (x, saved)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        x, activated = saved
        grad = deactivate(self.activation, grad_y, activated)  # dL/d(before the activation)
        weight = self.value("weight")
        conv2d.backward_weight(grad, x, weight.shape, **self.how, out=self.grad("weight"))
        if self.bias:
            conv2d.backward_bias(grad, out=self.grad("bias"))
        if not context.input_gradient:
            return None
        return conv2d.backward_input(grad, weight, x.shape, **self.how)

    def multiply_adds(self) -> int:
        """N·O·OH·OW·(C/groups)·KH·KW, for N = 1."""
        (C, _, _), (O, OH, OW), (KH, KW) = self.input_shape, self.output_shape, self.kernel
        return O * OH * OW * (C // self.arguments["groups"]) * KH * KW


def _reordered(positional: tuple[Any, ...], options: dict[str, Any], name: str | None) -> str:
    """Say how to write a call that gave its arguments in PyTorch's order."""
    _in, out, kernel, *rest = positional
    given = dict(zip(("stride", "padding", "dilation", "groups"), rest, strict=False))
    defaults = inspect.signature(Conv2d).parameters
    for key, value in {**options, "name": name}.items():
        if value != defaults[key].default:
            given.setdefault(key, value)
    write = ", ".join([repr(out), repr(kernel), *(f"{k}={v!r}" for k, v in given.items())])
    return (
        f"Conv2d({', '.join(map(repr, positional))}): input channels are inferred, so only "
        f"out_channels and kernel_size come by position. Write Conv2d({write})."
    )
