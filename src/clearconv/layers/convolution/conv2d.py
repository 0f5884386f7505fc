"""The convolution layer."""

from typing import Any

from clearconv.arrays import Shape
from clearconv.errors import ArgumentError
from clearconv.layers.base.arguments import check_window
from clearconv.layers.base.numbers.initial import Init
from clearconv.layers.convolution.filters import Convolution, reordered
from clearconv.ops import conv2d
from clearconv.ops.geometry.window import IntOrPair, Padding, Pair, Window


class Conv2d(Convolution):
    """Filters that slide over the image, optionally followed by an activation.

    Parameters
    ----------
    out_channels : int
        Number of filters.
    kernel_size : int or (int, int)
        Rows and columns of a filter.
    stride, dilation : int or (int, int)
        Step of the window; distance between neighbouring kernel elements.
    padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Zeros around the image.
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
    Parameters: ``weight`` (out_channels, in_channels / groups, KH, KW), ``bias`` (out_channels,) or
    (out_channels, OH, OW).
    """

    operation = conv2d

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
        shared_biases: bool = True,
        activation: str | None = None,
        in_channels: int | None = None,
        init: Init = "he",
        bias_init: Init = 0.0,
        name: str | None = None,
    ) -> None:
        geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
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
            raise ArgumentError(
                reordered(Conv2d, given, (*geometry, "bias"), {**options, "name": name})
            )
        check_window("Conv2d", kernel_size, stride, padding, dilation)
        super().__init__(
            geometry, name, out_channels=out_channels, kernel_size=kernel_size, **options
        )

    def _weight_shape(self, C: int) -> Shape:
        return (self.arguments["out_channels"], C // self.geometry["groups"], *self.kernel)

    def _output(self, size: Pair) -> Pair:
        geometry = {key: self.geometry[key] for key in ("stride", "padding", "dilation")}
        return Window.of(self.label, size, self.kernel, **geometry).output

    def _fans(self, C: int) -> tuple[float, float]:
        taps, groups = self.kernel[0] * self.kernel[1], self.geometry["groups"]
        return C // groups * taps, self.arguments["out_channels"] // groups * taps

    def multiply_adds(self) -> int:
        """N·O·OH·OW·(C/groups)·KH·KW, for N = 1."""
        (C, _, _), (O, OH, OW), (KH, KW) = self.input_shape, self.output_shape, self.kernel
        return O * OH * OW * (C // self.arguments["groups"]) * KH * KW
