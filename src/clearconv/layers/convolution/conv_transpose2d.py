"""The transposed convolution layer."""

from typing import Any

from clearconv.arrays import Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.numbers.initial import Init
from clearconv.layers.convolution.filters import Convolution, reordered
from clearconv.ops import conv_transpose2d
from clearconv.ops.conv_transpose2d.transposed import TransposedKernel
from clearconv.ops.geometry.window import IntOrPair, Padding, Pair, pair


class ConvTranspose2d(Convolution):
    """Filters that every pixel stamps onto a larger map, optionally followed by an activation.

    Parameters
    ----------
    out_channels : int
        Number of output maps.
    kernel_size : int or (int, int)
        Rows and columns of a filter.
    stride, dilation : int or (int, int)
        Distance between neighbouring pixels' filters in the result; between kernel elements.
    padding : int, (int, int) or ((top, bottom), (left, right))
        Rows and columns cut from the result's edges.
    output_padding : int or (int, int)
        Rows added at the bottom and columns at the right, less than the stride or the dilation.
    groups : int
        Number of groups of channels that are convolved separately.
    bias : bool
        Whether to add a learnt number to each output channel.
    shared_biases : bool
        False gives each position of each channel such a number; the model then takes only images
        of the size it was built for.
    activation : str, optional
        Name of an activation applied to the result.
    in_channels : int, optional
        Inferred at ``build``; if given, checked.
    init, bias_init : str, float or tuple
        Initial weights and biases, such as "he", 0.01 or ("uniform", -1, 1); see
        ``clearconv.layers.base.numbers.initial``.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` (in_channels, out_channels / groups, KH, KW), ``bias`` (out_channels,) or
    (out_channels, OH, OW).
    """

    operation = conv_transpose2d

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrPair,
        *positional: Any,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
        shared_biases: bool = True,
        activation: str | None = None,
        in_channels: int | None = None,
        init: Init = "he",
        bias_init: Init = 0.0,
        name: str | None = None,
    ) -> None:
        geometry = {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
        }
        options = {
            **geometry,
            "bias": bias,
            "shared_biases": shared_biases,
            "activation": activation,
            "in_channels": in_channels,
            "init": init,
            "bias_init": bias_init,
        }
        if positional:
            given = (out_channels, kernel_size, *positional)
            order = ("stride", "padding", "output_padding", "groups", "bias", "dilation")
            raise ArgumentError(reordered(ConvTranspose2d, given, order, {**options, "name": name}))
        TransposedKernel.of(
            "ConvTranspose2d", kernel_size, stride, padding, output_padding, dilation
        )
        super().__init__(
            geometry, name, out_channels=out_channels, kernel_size=kernel_size, **options
        )

    def _weight_shape(self, C: int) -> Shape:
        return (C, self.arguments["out_channels"] // self.geometry["groups"], *self.kernel)

    def _output(self, size: Pair) -> Pair:
        geometry = {key: value for key, value in self.geometry.items() if key != "groups"}
        return TransposedKernel.of(self.label, self.kernel, **geometry).window(size).input

    def _fans(self, C: int) -> tuple[float, float]:
        # of an output's neighbours only every stride-th is a pixel
        taps, groups = self.kernel[0] * self.kernel[1], self.geometry["groups"]
        down, right = pair(self.label, "stride", self.geometry["stride"], least=1)
        inputs = C // groups * taps / (down * right)
        return max(1.0, inputs), self.arguments["out_channels"] // groups * taps

    def multiply_adds(self) -> int:
        """N·C·H·W·(O/groups)·KH·KW, for N = 1."""
        (C, H, W), (O, _, _), (KH, KW) = self.input_shape, self.output_shape, self.kernel
        return C * H * W * (O // self.arguments["groups"]) * KH * KW
