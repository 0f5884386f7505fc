"""The two functions of PaddlePaddle that the article explains, giving layers of this library."""

from typing import Any

from clearconv.article.activators import _BuiltIn
from clearconv.errors import ArgumentError
from clearconv.layers import AvgPool2d, Conv2d, MaxPool2d, Node, Sequential

#: An int for both axes, or (horizontal, vertical).
Size = int | tuple[int, int] | list[int]
#: "relu" and so on, or an activator of this package.
Act = str | _BuiltIn | None


def img_conv_layer(
    input: Node | None,
    filter_size: Size,
    num_filters: int,
    name: str | None = None,
    num_channels: int | None = None,
    act: Act = None,
    groups: int = 1,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    bias_attr: bool | None = None,
    param_attr: str | float | None = None,
    shared_biases: bool = True,
    layer_attr: Any = None,
    filter_size_y: int | None = None,
    stride_y: int | None = None,
    padding_y: int | None = None,
    dilation_y: int | None = None,
    trans: bool = False,
    layer_type: str | None = None,
) -> Conv2d | Sequential:
    """Make a convolution, with a ReLU unless told otherwise.

    Sizes come in PaddlePaddle's order, horizontal first: `filter_size` is the width and
    `filter_size_y` the height, and of a pair the first is horizontal.

    Parameters
    ----------
    input : Node or None
        The layer or ``Sequential`` before this one; None where the image itself comes in.
    filter_size, stride, padding, dilation : int or (int, int)
        Horizontal, and vertical too where nothing else is said.
    num_filters : int
        Number of filters in all, whatever the number of groups.
    name : str, optional
        Names the parameters.
    num_channels : int, optional
        Of the input; inferred at ``build``, and checked if given.
    act : str or activator, optional
        "relu" (also for None), "identity", "sigmoid", "tanh", a name registered with
        ``clearconv.register_activation``, or one of the activators of ``clearconv.article``.
    groups : int
        Groups of channels that do not see each other.
    bias_attr : bool, optional
        False leaves the bias out; it starts at 0.
    param_attr : str or float, optional
        Initial weights, as ``Conv2d(init=...)``; None is normal with deviation
        sqrt(2 / (filter_size² * channels)).
    filter_size_y, stride_y, padding_y, dilation_y : int, optional
        Vertical.
    shared_biases, trans, layer_attr, layer_type
        Only the defaults are offered: one bias a filter; no transposed convolution; no extra
        attributes; the implementation is chosen by ``clearconv.backend``.

    Returns
    -------
    Conv2d or Sequential
        The layer alone where `input` is None, else a new ``Sequential`` of `input` and the layer;
        not built yet. What `input` was is then part of that one.

    Raises
    ------
    ArgumentError
        If an argument is not offered, or not of the right kind.
    """
    what = "img_conv_layer"
    _only_default(what, "trans", trans, False, "a transposed convolution")
    _only_default(what, "shared_biases", shared_biases, True, "a bias for every position")
    _only_default(what, "layer_attr", layer_attr, None, "an extra attribute")
    _only_default(what, "layer_type", layer_type, None, "a choice of the implementation by layer")
    if bias_attr not in (None, True, False):
        raise ArgumentError(f"{what}: bias_attr={bias_attr!r}, but None, True or False is needed.")
    layer = Conv2d(
        num_filters,
        _rows_first(what, "filter_size", filter_size, filter_size_y),
        stride=_rows_first(what, "stride", stride, stride_y),
        padding=_rows_first(what, "padding", padding, padding_y),
        dilation=_rows_first(what, "dilation", dilation, dilation_y),
        groups=groups,
        bias=bias_attr is not False,
        activation=_activation(what, act),
        in_channels=num_channels,
        init="he" if param_attr is None else param_attr,
        name=name,
    )
    return layer if input is None else _chain(what, input, layer)


def simple_img_conv_pool(
    input: Node | None,
    filter_size: Size,
    num_filters: int,
    pool_size: Size,
    name: str | None = None,
    pool_type: str | None = None,
    act: Act = None,
    groups: int = 1,
    conv_stride: Size = 1,
    conv_padding: Size = 0,
    bias_attr: bool | None = None,
    num_channel: int | None = None,
    param_attr: str | float | None = None,
    shared_bias: bool = True,
    conv_layer_attr: Any = None,
    pool_stride: Size = 1,
    pool_padding: Size = 0,
    pool_layer_attr: Any = None,
) -> Sequential:
    """Make a convolution and a pooling after it, with a ReLU unless told otherwise.

    Parameters
    ----------
    input, filter_size, num_filters, act, groups, bias_attr, param_attr
        As of ``img_conv_layer``.
    conv_stride, conv_padding, num_channel, shared_bias, conv_layer_attr
        ``stride``, ``padding``, ``num_channels``, ``shared_biases``, ``layer_attr`` there.
    pool_size : int or (int, int)
        Size of the pooling window, horizontal first.
    name : str, optional
        The two layers are called ``NAME_conv`` and ``NAME_pool``.
    pool_type : {"max", "avg"}, optional
        "max" where left out.
    pool_stride, pool_padding : int or (int, int)
        Of the window. The step is 1 unless given: the usual pooling has ``pool_stride=pool_size``.
        As in PaddlePaddle a last, incomplete window counts, and padding counts in no mean.
    pool_layer_attr
        Only None is offered.

    Returns
    -------
    Sequential
        `input`, convolution, pooling; not built yet.

    Raises
    ------
    ArgumentError
        If an argument is not offered, or not of the right kind.

    Examples
    --------
    >>> from clearconv.article import simple_img_conv_pool
    >>> net = simple_img_conv_pool(None, filter_size=5, num_filters=20, pool_size=2, pool_stride=2)
    >>> net = simple_img_conv_pool(net, filter_size=5, num_filters=50, pool_size=2, pool_stride=2)
    >>> net.build((1, 28, 28)).output_shape
    (50, 4, 4)
    """
    what = "simple_img_conv_pool"
    _only_default(what, "shared_bias", shared_bias, True, "a bias for every position")
    _only_default(what, "conv_layer_attr", conv_layer_attr, None, "an extra attribute")
    _only_default(what, "pool_layer_attr", pool_layer_attr, None, "an extra attribute")
    if pool_type not in (None, "max", "avg"):
        raise ArgumentError(f"{what}: pool_type={pool_type!r}, but it must be 'max' or 'avg'.")
    layer = img_conv_layer(
        None,
        filter_size,
        num_filters,
        name=None if name is None else f"{name}_conv",
        num_channels=num_channel,
        act=act,
        groups=groups,
        stride=conv_stride,
        padding=conv_padding,
        bias_attr=bias_attr,
        param_attr=param_attr,
    )
    window = (
        _rows_first(what, "pool_size", pool_size, None),
        _rows_first(what, "pool_stride", pool_stride, None),
        _rows_first(what, "pool_padding", pool_padding, None),
    )
    pool_name = None if name is None else f"{name}_pool"
    pool: Node = (
        AvgPool2d(*window, ceil_mode=True, count_include_pad=False, name=pool_name)
        if pool_type == "avg"
        else MaxPool2d(*window, ceil_mode=True, name=pool_name)
    )
    return Sequential(layer, pool) if input is None else _chain(what, input, layer, pool)


def _chain(what: str, input: Node, *layers: Node) -> Sequential:
    """Put layers behind `input`; a plain Sequential is continued, anything else is one layer."""
    if not isinstance(input, Node):
        raise ArgumentError(
            f"{what}: input is a {type(input).__name__}, but the layer before is needed, or None "
            "where the image itself comes in. Arrays go through the network once it is built."
        )
    if type(input) is Sequential:
        return Sequential(*input.children.values(), *layers, name=input.name)
    return Sequential(input, *layers)


def _rows_first(what: str, name: str, size: Size, vertical: int | None) -> tuple[int, int]:
    """Turn PaddlePaddle's (horizontal, vertical) into (rows, columns)."""
    if not isinstance(size, (tuple, list)):
        return (size if vertical is None else vertical, size)
    if len(size) != 2 or vertical is not None:
        raise ArgumentError(
            f"{what}: {name}={list(size)!r}"
            + (f" and {name}_y={vertical!r}" if vertical is not None else "")
            + f", but one pair (horizontal, vertical) is needed, or {name} alone."
        )
    return (size[1], size[0])


def _activation(what: str, act: Act) -> str:
    if act is None:
        return "relu"
    if isinstance(act, _BuiltIn):
        return act.kind
    if isinstance(act, str):
        return act
    raise ArgumentError(
        f"{what}: act={act!r}, but a name such as 'relu' is needed, or an activator such as "
        "ReluActivator(). Add your own with clearconv.register_activation(name, forward, "
        "derivative) and pass its name."
    )


def _only_default(what: str, name: str, value: object, default: object, meaning: str) -> None:
    if value is not default:
        raise ArgumentError(
            f"{what}: {name}={value!r} asks for {meaning}, which is not offered. Leave {name} out."
        )
