"""Convolution, activation and pooling in one layer."""

from typing import Any

from clearconv.errors import ArgumentError
from clearconv.layers.base.numbers.initial import Init
from clearconv.layers.convolution.conv2d import Conv2d
from clearconv.layers.pooling.pool2d import AvgPool2d, MaxPool2d
from clearconv.layers.wiring.sequential import Sequential
from clearconv.ops.geometry.window import IntOrPair, Padding


class ConvPool2d(Sequential):
    """Convolution, activation and pooling in one.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, dilation, groups, bias, activation, init
        Arguments of the convolution, see ``Conv2d``.
    pool_size : int or (int, int)
        Rows and columns of the pooling window.
    pool_stride : int or (int, int), optional
        Step of the pooling window; by default its size.
    pool_padding : int, (int, int), ((top, bottom), (left, right)), "same" or "valid"
        Padding around the convolution's output.
    pool : {"max", "avg"}
        Kind of pooling.
    name : str, optional
        Its part of the path; the parameters are ``NAME.conv.weight`` and ``NAME.conv.bias``.
    """

    prefix = "conv_pool"
    starred = None

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrPair,
        pool_size: IntOrPair = 2,
        *,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str | None = "relu",
        init: Init = "he",
        pool_stride: IntOrPair | None = None,
        pool_padding: Padding = 0,
        pool: str = "max",
        name: str | None = None,
    ) -> None:
        if pool not in ("max", "avg"):
            raise ArgumentError(f"ConvPool2d: pool={pool!r}, but it must be 'max' or 'avg'.")
        convolution: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "bias": bias,
            "activation": activation,
            "init": init,
        }
        pooling = MaxPool2d if pool == "max" else AvgPool2d
        super().__init__(
            Conv2d(out_channels, kernel_size, **convolution, name="conv"),
            pooling(pool_size, pool_stride, pool_padding, name="pool"),
            name=name,
        )
        self.arguments = {
            "out_channels": out_channels,
            "kernel_size": kernel_size,
            "pool_size": pool_size,
            **convolution,
            "pool_stride": pool_stride,
            "pool_padding": pool_padding,
            "pool": pool,
        }
