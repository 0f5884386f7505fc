"""Normalisation of each image by itself: over channel groups, over all, over each channel."""

from math import prod
from typing import Any

import numpy as np

from clearconv.arrays import Array, Shape
from clearconv.errors import ArgumentError, ShapeError
from clearconv.layers.base.arguments import by_position, count, is_number
from clearconv.layers.base.layer import Layer
from clearconv.layers.base.numbers.initial import constant
from clearconv.layers.base.staged import Call
from clearconv.layers.base.tape import Context
from clearconv.ops import group_norm


class _ByImage(Layer):
    """What the layers here share; each defines the number of groups of channels."""

    prefix = "norm"
    operation = group_norm

    def __init__(self, name: str | None, eps: float, affine: bool, /, **arguments: Any) -> None:
        if not (is_number(eps) and 0 < eps < np.inf):
            raise ArgumentError(
                f"{type(self).__name__}: eps={eps!r}, but a number above 0 is needed, such as "
                "1e-5: it keeps a constant image from being divided by 0."
            )
        super().__init__(name, eps=eps, **arguments)
        self.eps, self.affine = eps, affine

    def _groups(self, channels: int) -> int:
        return 1

    def _build(self, input_shape: Shape) -> Shape:
        C = input_shape[0]
        groups = self._groups(C)
        if C % groups:
            raise ShapeError(
                f"the input has {C} channels, which do not fall into {groups} groups. num_groups "
                "must divide them."
            )
        if prod(input_shape) <= groups:
            raise ShapeError(
                f"the input of one image has shape {input_shape}, one number for each group, and "
                "one number has no variance to normalise with. Use fewer groups, or put the layer "
                "where images are larger."
            )
        if self.affine:
            shape = self._parameter_shape(input_shape)
            self._parameter("weight", shape, constant(1.0, shape), decay=False)
            self._parameter("bias", shape, constant(0.0, shape), decay=False)
        return input_shape

    def _parameter_shape(self, input_shape: Shape) -> Shape:
        return input_shape[:1]

    def _operations(self, training: bool) -> tuple[Call, ...]:
        return (self._call("forward_saving"),)

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        self._fits("channels", x.shape[1], self.input_shape[0], x.shape)
        weight = self.value("weight") if self.affine else None
        bias = self.value("bias") if self.affine else None
        return group_norm.forward_saving(x, self._groups(x.shape[1]), weight, bias, self.eps)

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        if not self.affine:
            return group_norm.backward_input(grad_y, None, saved)
        to_weight, to_bias = self.grad("weight"), self.grad("bias")
        if context.in_parts:
            weight, shards = self.value("weight"), context.shards
            grad_x, sums = group_norm.backward_sums(grad_y, weight, saved, shards=shards)
            to_weight[...], to_bias[...] = context.group.combine(sums, "sum")
            return grad_x
        if not context.input_gradient:
            group_norm.backward_weight(grad_y, saved, out=to_weight)
            group_norm.backward_bias(grad_y, saved, out=to_bias)
            return None
        weight = self.value("weight")
        return group_norm.backward(grad_y, weight, saved, out_weight=to_weight, out_bias=to_bias)[0]


class GroupNorm(_ByImage):
    """Give each group of an image's channels mean 0 and deviation 1, then scale and shift them.

    Unlike batch norm it does not depend on the batch: training and evaluation compute the same,
    and batches of one or two images work as well as large ones.

    Parameters
    ----------
    num_groups : int
        Number of groups of neighbouring channels; it must divide the number of channels.
    eps : float
        Added to the variance; above 0.
    affine : bool
        Whether each channel has a learnt scale and shift.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` (C,) starts at 1, ``bias`` (C,) at 0. Takes (N, C, H, W) and (N, C).

    References
    ----------
    Wu and He, "Group normalization", 2018.
    """

    def __init__(
        self,
        num_groups: int,
        *positional: Any,
        eps: float = 1e-5,
        affine: bool = True,
        name: str | None = None,
    ) -> None:
        if positional:
            raise ArgumentError(
                f"GroupNorm({', '.join(map(repr, (num_groups, *positional)))}): channels are "
                f"inferred, so only num_groups comes by position. Write GroupNorm({num_groups!r})."
            )
        self.num_groups = count("GroupNorm", "num_groups", num_groups)
        super().__init__(name, eps, affine, num_groups=self.num_groups, affine=affine)

    def _groups(self, channels: int) -> int:
        return self.num_groups


class InstanceNorm2d(_ByImage):
    """Give each channel of each image mean 0 and deviation 1.

    It removes an image's contrast, so it is suited to image generation, less to classification.
    Running statistics (PyTorch's track_running_stats) are not offered.

    Parameters
    ----------
    eps : float
        Added to the variance; above 0.
    affine : bool
        Whether each channel has a learnt scale and shift.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters, if `affine`: ``weight`` (C,) starts at 1, ``bias`` (C,) at 0. Takes (N, C, H, W).

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
    """

    def __init__(
        self,
        *positional: Any,
        eps: float = 1e-5,
        affine: bool = False,
        name: str | None = None,
    ) -> None:
        if positional:
            by_position("InstanceNorm2d", positional, "Channels are inferred.")
        super().__init__(name, eps, affine, affine=affine)

    def _groups(self, channels: int) -> int:
        return channels


class LayerNorm(_ByImage):
    """Give all numbers of an image together mean 0 and deviation 1, then scale and shift each.

    It is PyTorch's ``LayerNorm(normalized_shape)`` with the whole shape of an image, or of a row
    of features. ``GroupNorm(1)`` does the same to images, with a scale and
    shift for each channel in place of one for each number.

    Parameters
    ----------
    eps : float
        Added to the variance; above 0.
    elementwise_affine : bool
        Whether each number has a learnt scale and shift; then all images must have one size.
    name : str, optional
        Its part of the path.

    Notes
    -----
    Parameters: ``weight`` of the shape of one input starts at 1, ``bias`` at 0. Takes (N, C, H, W)
    and (N, C).

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self,
        *positional: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        name: str | None = None,
    ) -> None:
        if positional:
            by_position("LayerNorm", positional, "The shape is inferred: a whole image's.")
        super().__init__(name, eps, elementwise_affine, elementwise_affine=elementwise_affine)

    def _parameter_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def _forward(self, x: Array, context: Context) -> tuple[Array, Any]:
        weight = bias = None
        if self.affine:
            self._fits("numbers", prod(x.shape[1:]), prod(self.input_shape), x.shape)
            weight, bias = (_features(self.value(name)[None])[0] for name in ("weight", "bias"))
        y, saved = group_norm.forward_saving(_features(x), 1, weight, bias, self.eps)
        return _images(y, x.shape), saved

    def _backward(self, grad_y: Array, saved: Any, context: Context) -> Array | None:
        grads = _features(grad_y)
        if not self.affine:
            return _images(group_norm.backward_input(grads, None, saved), grad_y.shape)
        weight = _features(self.value("weight")[None])[0]
        if context.in_parts:
            grad_x, sums = group_norm.backward_sums(grads, weight, saved, shards=context.shards)
            grad_weight, grad_bias = context.group.combine(sums, "sum")
        else:
            grad_x, grad_weight, grad_bias = group_norm.backward(grads, weight, saved)
        for name, grad in (("weight", grad_weight), ("bias", grad_bias)):
            self.grad(name)[...] = _images(grad[None], (1, *self.input_shape))[0]
        return _images(grad_x, grad_y.shape)


def _features(x: Array) -> Array:
    """View (N, C, H, W) as features (N, H*W*C), each its own channel, in memory order."""
    return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(len(x), prod(x.shape[1:]))


def _images(rows: Array, shape: tuple[int, ...]) -> Array:
    """Undo `_features`."""
    if len(shape) == 2:
        return rows
    N, C, H, W = shape
    return rows.reshape(N, H, W, C).transpose(0, 3, 1, 2)
