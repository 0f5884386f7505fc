"""Cases large enough to be divided among threads; the case tables are for geometry, and small.

A chapter with a native telling needs one here (test_bits.py says so).
"""

import numpy as np

from clearconv.ops import activation
from clearconv.ops.chapter import Case, arrays, normal
from clearconv.ops.dropout import DropoutKey


def _conv(name, x, weight, **options):
    makers = {"x": normal(*x), "weight": normal(*weight), "bias": normal(weight[0])}
    return Case(name, arrays(**makers), options)


def _transposed(name, x, weight, **options):
    makers = {"x": normal(*x), "weight": normal(*weight), "bias": normal(weight[1])}
    return Case(name, arrays(**makers), options)


def _block(name, x, weight, before=False, **options):
    makers = {"x": normal(*x), "weight": normal(*weight)}
    if options.get("norm"):
        makers |= {"norm_weight": normal(weight[0]), "norm_bias": normal(weight[0])}
    if before:
        makers |= {"before_weight": normal(x[1]), "before_bias": normal(x[1])}
    return Case(name, arrays(**makers), {"relu": True, **options})


def _grouped(name, x, groups):
    makers = {"x": normal(*x), "weight": normal(x[1]), "bias": normal(x[1])}
    return Case(name, arrays(**makers), {"num_groups": groups})


def _labels(N, classes):
    return np.random.default_rng(7).integers(0, classes, N)


def _positive(*shape):
    return lambda rng: rng.uniform(0.1, 1, shape)


_features = arrays(x=normal(203, 411))
_images = arrays(x=normal(11, 35, 29, 31))
_count = 150_001

LARGE = {
    "conv2d": (
        _conv("colour image", (9, 3, 61, 67), (16, 3, 3, 3), stride=2),
        _conv("grey image", (10, 1, 28, 28), (20, 1, 5, 5)),
        _conv("uneven channels", (3, 20, 24, 23), (50, 20, 5, 5), padding=2),
        _conv("3x3", (5, 32, 28, 27), (48, 32, 3, 3), padding=1),
        _conv("1x1", (5, 64, 17, 19), (96, 64, 1, 1)),
        _conv("wide 1x1", (5, 64, 17, 19), (144, 64, 1, 1)),
        _conv("1x1 of few pixels", (11, 96, 7, 6), (144, 96, 1, 1), stride=2),
        _conv("stride 2", (5, 64, 21, 22), (64, 64, 3, 3), stride=2, padding=1),
        _conv("wide, stride 2", (2, 128, 40, 38), (256, 128, 3, 3), stride=2, padding=1),
        _conv("wide, of few pixels", (5, 128, 9, 8), (256, 128, 3, 3), stride=2, padding=1),
        _conv("depthwise", (5, 64, 23, 22), (64, 1, 3, 3), groups=64, padding=1),
        _conv("groups", (5, 24, 25, 26), (48, 8, 3, 3), groups=3, dilation=2),
        Case(
            "bias by position",
            arrays(x=normal(11, 16, 28, 27), weight=normal(20, 16, 3, 3), bias=normal(20, 26, 25)),
        ),
    ),
    "conv_transpose2d": (
        _transposed("2x2, stride 2", (5, 48, 14, 13), (48, 32, 2, 2), stride=2),
        _transposed("4x4, stride 2", (5, 32, 14, 13), (32, 48, 4, 4), stride=2, padding=1),
        _transposed("to a colour image", (5, 32, 24, 23), (32, 3, 4, 4), stride=2, padding=1),
        _transposed("3x3", (5, 48, 28, 27), (48, 32, 3, 3), padding=1),
    ),
    "conv_block": (
        _block("relu", (5, 32, 28, 27), (48, 32, 3, 3), padding=1),
        _block("ceiling", (9, 24, 19, 18), (48, 24, 1, 1), before=True, norm=True, ceiling=1.0),
        _block("pool", (9, 1, 28, 28), (20, 1, 5, 5), pool=True),
        _block("norm", (11, 3, 28, 27), (32, 3, 3, 3), norm=True, padding=1),
        _block("behind a norm", (11, 32, 19, 18), (48, 32, 3, 3), before=True, padding=1),
        _block("between norms", (11, 32, 19, 18), (40, 32, 3, 3), before=True, norm=True, stride=2),
        _block("1x1", (5, 64, 17, 19), (144, 64, 1, 1), before=True, norm=True),
        _block(
            "1x1 of few pixels",
            (11, 96, 4, 3),
            (144, 96, 1, 1),
            before=True,
            norm=True,
        ),
        _block(
            "depthwise",
            (5, 64, 23, 22),
            (64, 1, 3, 3),
            before=True,
            norm=True,
            groups=64,
            padding=1,
        ),
    ),
    "max_pool2d": (
        Case("2x2", _images, {"kernel_size": 2}),
        Case("overlap", _images, {"kernel_size": 3, "stride": 2, "padding": 1}),
    ),
    "avg_pool2d": (
        Case("2x2", _images, {"kernel_size": 2}),
        Case("overlap", _images, {"kernel_size": 3, "stride": 2, "padding": 1}),
    ),
    "global_avg_pool2d": (Case("images", _images),),
    "adaptive_avg_pool2d": (
        Case("cells that share a pixel", _images, {"output_size": (8, 7)}),
        Case("more outputs than pixels", _images, {"output_size": (35, 40)}),
    ),
    "upsample2d": (
        Case("nearest", _images, {"scale_factor": 2}),
        Case("bilinear", _images, {"scale_factor": (1.7, 2), "mode": "bilinear"}),
    ),
    "im2col": (Case("3x3", arrays(x=normal(9, 5, 31, 33)), {"kernel_size": 3, "padding": 1}),),
    "linear": (
        Case("wide", arrays(x=normal(67, 1203), weight=normal(50, 1203), bias=normal(50))),
        Case("few classes", arrays(x=normal(203, 411), weight=normal(10, 411), bias=normal(10))),
        Case("many outputs", arrays(x=normal(35, 203), weight=normal(411, 203), bias=normal(411))),
        Case("many samples", arrays(x=normal(9001, 17), weight=normal(6, 17), bias=normal(6))),
    ),
    "activation": tuple(
        Case(kind, _images, {"kind": kind}) for kind in activation.KINDS if kind != "identity"
    ),
    "softmax": (Case("rows", _features), Case("pixels", _images, {"axis": 1})),
    "cross_entropy": (Case("labels", _features, {"target": _labels(203, 411)}),),
    "squared_error": (Case("rows", arrays(x=normal(203, 411), target=normal(203, 411))),),
    "batch_norm2d": (
        Case("images", arrays(x=normal(11, 35, 29, 31), weight=normal(35), bias=normal(35))),
        Case("wide", arrays(x=normal(9, 128, 8, 9), weight=normal(128), bias=normal(128))),
        Case("features", arrays(x=normal(203, 411), weight=normal(411), bias=normal(411))),
    ),
    "group_norm": (
        _grouped("groups", (11, 36, 29, 31), 4),
        _grouped("one group", (9, 19, 24, 23), 1),
        _grouped("a group a channel", (17, 64, 13, 12), 64),
        _grouped("features", (203, 412), 4),
    ),
    "dropout": (
        Case("images", _images, {"p": 0.4, "key": DropoutKey(1, "drop", 2, 3, tuple(range(11)))}),
    ),
    "update": (
        Case(
            "sgd",
            arrays(weight=normal(_count), grad=normal(_count), velocity=normal(_count)),
            {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
        ),
        Case(
            "adam",
            arrays(
                weight=normal(_count),
                grad=normal(_count),
                mean=normal(_count),
                square=_positive(_count),
            ),
            {"lr": 0.1, "weight_decay": 0.1},
        ),
    ),
}
