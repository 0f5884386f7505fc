"""The functions of PaddlePaddle that the article explains; they return layers of this library."""

from typing import NoReturn

from clearconv.article.activators import _BuiltIn
from clearconv.article.attributes import ExtraAttr, ParamAttr
from clearconv.errors import ArgumentError
from clearconv.layers import (
    AvgPool2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    MaxPool2d,
    Node,
    Sequential,
)
from clearconv.layers.base.numbers.initial import Init

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
    bias_attr: ParamAttr | bool | None = None,
    param_attr: ParamAttr | Init | None = None,
    shared_biases: bool = True,
    layer_attr: ExtraAttr | None = None,
    filter_size_y: int | None = None,
    stride_y: int | None = None,
    padding_y: int | None = None,
    dilation_y: int | None = None,
    trans: bool = False,
    layer_type: str | None = None,
) -> Conv2d | ConvTranspose2d | Sequential:
    """Make a convolution, or a transposed one, by default with a ReLU.

    Sizes come in PaddlePaddle's order, horizontal first: `filter_size` is the width and
    `filter_size_y` the height, and of a pair the first is horizontal.

    Parameters
    ----------
    input : Node or None
        The layer or ``Sequential`` before this one; None for the image itself.
    filter_size, stride, padding, dilation : int or (int, int)
        Horizontal values, also used vertically unless given separately.
    num_filters : int
        Total number of filters, whatever the number of groups.
    name : str, optional
        Name of the layer and its parameters.
    num_channels : int, optional
        Number of input channels; inferred at ``build``, and checked if given.
    act : str or activator, optional
        "relu" (also for None), "identity", "sigmoid", "tanh", a name registered with
        ``clearconv.register_activation``, or one of the activators of ``clearconv.article``.
    groups : int
        Number of groups of channels that are computed separately.
    bias_attr : ParamAttr or bool, optional
        False omits the bias; it starts at 0, or as the attribute says.
    param_attr : ParamAttr, str, float or tuple, optional
        Initial weights: an attribute, or a value for ``Conv2d(init=...)``. None is normal with
        deviation sqrt(2 / n), where n is the number of inputs that one output sees: filter_size² *
        channels.
    shared_biases : bool
        False gives every position of every map its own bias.
    layer_attr : ExtraAttr, optional
        Its `drop_rate` adds a ``Dropout`` after the layer.
    filter_size_y, stride_y, padding_y, dilation_y : int, optional
        Vertical values.
    trans : bool
        Whether to transpose it: the size is (input - 1) * stride + filter_size - 2 * padding.
    layer_type : {"exconv", "exconvt"}, optional
        PaddlePaddle's names of the implementation here, without and with `trans`.

    Returns
    -------
    Conv2d, ConvTranspose2d or Sequential
        Only the layer if `input` is None and nothing is dropped, else a new ``Sequential`` of
        `input` and the layer, not built yet, of which `input` is then a part.

    Raises
    ------
    ArgumentError
        If an argument is not supported, or not of the right kind.
    """
    what = "img_conv_layer"
    drop_rate = _drop_rate(what, "layer_attr", layer_attr)
    if layer_type not in (None, "exconvt" if trans else "exconv"):
        raise ArgumentError(
            f"{what}: layer_type={layer_type!r} with trans={trans}, but there is only one "
            "implementation, on the CPU. Leave it out; clearconv.backend chooses the telling."
        )
    kind = ConvTranspose2d if trans else Conv2d
    layer = kind(
        num_filters,
        _rows_first(what, "filter_size", filter_size, filter_size_y),
        stride=_rows_first(what, "stride", stride, stride_y),
        padding=_rows_first(what, "padding", padding, padding_y),
        dilation=_rows_first(what, "dilation", dilation, dilation_y),
        groups=groups,
        bias=bias_attr is not False,
        shared_biases=shared_biases,
        activation=_activation(what, act),
        in_channels=num_channels,
        init=_weight_init(param_attr),
        bias_init=_bias_init(what, bias_attr),
        name=name,
    )
    if drop_rate:
        return _chain(what, input, layer, Dropout(drop_rate))
    return layer if input is None else _chain(what, input, layer)


def img_pool_layer(
    input: Node | None,
    pool_size: Size,
    name: str | None = None,
    num_channels: int | None = None,
    pool_type: str | None = None,
    stride: Size = 1,
    padding: Size = 0,
    layer_attr: None = None,
    pool_size_y: int | None = None,
    stride_y: int | None = None,
    padding_y: int | None = None,
    ceil_mode: bool = True,
    exclude_mode: bool | None = None,
) -> MaxPool2d | AvgPool2d | Sequential:
    """Make a pooling layer, by default max pooling.

    Parameters
    ----------
    input : Node or None
        The layer or ``Sequential`` before this one; None for the image itself.
    pool_size, stride, padding : int or (int, int)
        Size, step and padding of the window, horizontal, also used vertically unless given
        separately. The default step is 1: the usual pooling has ``stride=pool_size``.
    name : str, optional
        Name of the layer.
    num_channels : int, optional
        Not needed: the input determines it.
    pool_type : {"max", "avg"}, optional
        "max" by default.
    layer_attr
        Only None is supported.
    pool_size_y, stride_y, padding_y : int, optional
        Vertical values.
    ceil_mode : bool
        Whether a last, incomplete window counts.
    exclude_mode : bool, optional
        Whether means exclude padding; true by default.

    Returns
    -------
    MaxPool2d, AvgPool2d or Sequential
        Only the layer if `input` is None, else a new ``Sequential`` of `input` and the layer; not
        built yet.

    Raises
    ------
    ArgumentError
        If an argument is not supported, or not of the right kind.
    """
    what = "img_pool_layer"
    if layer_attr is not None:
        _not_offered(what, "layer_attr", layer_attr)
    if pool_type not in (None, "max", "avg"):
        raise ArgumentError(f"{what}: pool_type={pool_type!r}, but it must be 'max' or 'avg'.")
    window = (
        _rows_first(what, "pool_size", pool_size, pool_size_y),
        _rows_first(what, "stride", stride, stride_y),
        _rows_first(what, "padding", padding, padding_y),
    )
    counted = exclude_mode is False
    pool: MaxPool2d | AvgPool2d = (
        AvgPool2d(*window, ceil_mode=ceil_mode, count_include_pad=counted, name=name)
        if pool_type == "avg"
        else MaxPool2d(*window, ceil_mode=ceil_mode, name=name)
    )
    return pool if input is None else _chain(what, input, pool)


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
    bias_attr: ParamAttr | bool | None = None,
    num_channel: int | None = None,
    param_attr: ParamAttr | Init | None = None,
    shared_bias: bool = True,
    conv_layer_attr: ExtraAttr | None = None,
    pool_stride: Size = 1,
    pool_padding: Size = 0,
    pool_layer_attr: None = None,
) -> Sequential:
    """Make a convolution and a pooling layer after it, by default with a ReLU.

    Parameters
    ----------
    input, filter_size, num_filters, act, groups, bias_attr, param_attr
        As in ``img_conv_layer``.
    conv_stride, conv_padding, num_channel, shared_bias, conv_layer_attr
        ``stride``, ``padding``, ``num_channels``, ``shared_biases``, ``layer_attr`` there.
    pool_size, pool_type, pool_stride, pool_padding
        ``pool_size``, ``pool_type``, ``stride``, ``padding`` of ``img_pool_layer``: the default
        step is 1, a last, incomplete window counts, and means exclude padding.
    name : str, optional
        Prefix of the layers' names ``NAME_conv`` and ``NAME_pool``.
    pool_layer_attr
        Only None is supported.

    Returns
    -------
    Sequential
        `input`, convolution, pooling; not built yet.

    Raises
    ------
    ArgumentError
        If an argument is not supported, or not of the right kind.

    Examples
    --------
    >>> from clearconv.article import simple_img_conv_pool
    >>> net = simple_img_conv_pool(None, filter_size=5, num_filters=20, pool_size=2, pool_stride=2)
    >>> net = simple_img_conv_pool(net, filter_size=5, num_filters=50, pool_size=2, pool_stride=2)
    >>> net.build((1, 28, 28)).output_shape
    (50, 4, 4)
    """
    what = "simple_img_conv_pool"
    _drop_rate(what, "conv_layer_attr", conv_layer_attr)
    if pool_layer_attr is not None:
        _not_offered(what, "pool_layer_attr", pool_layer_attr)
    net = img_conv_layer(
        input,
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
        shared_biases=shared_bias,
        layer_attr=conv_layer_attr,
    )
    pool = img_pool_layer(
        None,
        pool_size,
        name=None if name is None else f"{name}_pool",
        pool_type=pool_type,
        stride=pool_stride,
        padding=pool_padding,
    )
    return _chain(what, net, pool)


def _chain(what: str, input: Node | None, *layers: Node) -> Sequential:
    """Add layers after `input`; a plain Sequential is continued, anything else is one layer."""
    if input is None:
        return Sequential(*layers)
    if not isinstance(input, Node):
        raise ArgumentError(
            f"{what}: input is a {type(input).__name__}, but the layer before is needed, or None "
            "for the image itself. Arrays go through the network once it is built."
        )
    if type(input) is Sequential:
        return Sequential(*input.children.values(), *layers, name=input.name)
    return Sequential(input, *layers)


def _rows_first(what: str, name: str, size: Size, vertical: int | None) -> tuple[int, int]:
    """Convert PaddlePaddle's (horizontal, vertical) to (rows, columns)."""
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


def _weight_init(param_attr: ParamAttr | Init | None) -> Init:
    given = param_attr.init if isinstance(param_attr, ParamAttr) else param_attr
    return "he" if given is None else given


def _bias_init(what: str, bias_attr: ParamAttr | bool | None) -> Init:
    if isinstance(bias_attr, ParamAttr):
        return 0.0 if bias_attr.init is None else bias_attr.init
    if bias_attr not in (None, True, False):
        raise ArgumentError(
            f"{what}: bias_attr={bias_attr!r}, but None, True, False or a ParamAttr is needed."
        )
    return 0.0


def _drop_rate(what: str, name: str, layer_attr: ExtraAttr | None) -> float:
    if layer_attr is None:
        return 0.0
    if not isinstance(layer_attr, ExtraAttr):
        raise ArgumentError(
            f"{what}: {name}={layer_attr!r}, but an ExtraAttr is needed, such as "
            "ExtraAttr(drop_rate=0.5)."
        )
    return layer_attr.drop_rate or 0.0


def _not_offered(what: str, name: str, value: object) -> NoReturn:
    raise ArgumentError(
        f"{what}: {name}={value!r} is an extra attribute, which is not supported. Leave {name} out."
    )
