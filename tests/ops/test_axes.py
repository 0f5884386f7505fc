"""Empty and huge axes: all tellings of a chapter give the same, or the same error of ours."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from clearconv import machine
from clearconv.errors import ClearconvError, ShapeError
from clearconv.ops import (
    activation,
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm2d,
    conv2d,
    conv_block,
    conv_transpose2d,
    cross_entropy,
    dropout,
    global_avg_pool2d,
    group_norm,
    im2col,
    linear,
    max_pool2d,
    softmax,
    squared_error,
    update,
    upsample2d,
)
from clearconv.ops.tellings import available

HUGE = 2**31, 2**40, 2**62, 2**63, 10**30
#: Axes by letter: K of kernels and classes, F of features, P and Q where a kernel went over H, W.
SIZES = {"N": 2, "C": 4, "H": 6, "W": 5, "O": 4, "K": 2, "F": 3, "P": 5, "Q": 4}


@dataclass
class Arrays:
    """Makes a call's arrays from the letters of their axes, one axis of them being another size."""

    letter: str = ""  # every axis of this letter
    place: tuple[int, int] = (-1, -1)  # or axis place[1] of the array made as number place[0]
    size: int = 0
    made: list[str] = field(default_factory=list)

    def shape(self, letters):
        number = len(self.made)
        self.made.append(letters)
        return tuple(
            self.size if letter == self.letter or (number, axis) == self.place else SIZES[letter]
            for axis, letter in enumerate(letters)
        )

    def __call__(self, letters, value=1, dtype="float32"):
        shape = self.shape(letters)
        if max(shape) >= 2**20:  # takes no memory
            return np.broadcast_to(np.array(value, dtype), shape)
        return np.full(shape, value, dtype)


def _conv(a, b, o):
    return conv2d.forward(a("NCHW"), a("OCKK"), a("O"), **o, backend=b)


def _conv_gradients(a, b, o):
    window = {"stride": 1, **o}
    x, weight = a("NCHW"), a("OCKK")
    y = conv2d.forward(x, weight, **window, backend=b)
    return (
        conv2d.backward_input(y, weight, x.shape, **window, backend=b),
        conv2d.backward_weight(y, x, weight.shape, **window, backend=b),
        conv2d.backward_bias(y, backend=b),
    )


def _conv_input(a, b, o):
    return conv2d.backward_input(a("NOPQ"), a("OCKK"), a.shape("NCHW"), **o, backend=b)


def _conv_weight(a, b, o):
    return conv2d.backward_weight(a("NOPQ"), a("NCHW"), a.shape("OCKK"), **o, backend=b)


def _transposed(a, b, o):
    x, weight = a("NCHW"), a("COKK")
    y = conv_transpose2d.forward(x, weight, a("O"), **o, backend=b)
    return (
        y,
        conv_transpose2d.backward_input(y, weight, x.shape, **o, backend=b),
        conv_transpose2d.backward_weight(y, x, weight.shape, **o, backend=b),
        conv_transpose2d.backward_bias(y, backend=b),
    )


def _by_shape(chapter, a, b, o):
    x = a("NCHW")
    y = chapter.forward(x, **o, backend=b)
    return y, chapter.backward_input(y, a.shape("NCHW"), **o, backend=b)


def _max(a, b, o):
    y, saved = max_pool2d.forward_saving(a("NCHW"), **o, backend=b)
    return (
        y,
        max_pool2d.forward(a("NCHW"), **o, backend=b),
        max_pool2d.backward_input(y, saved, backend=b),
    )


def _linear(a, b, o):
    x, weight = a("NF"), a("OF")
    y = linear.forward(x, weight, a("O"), backend=b)
    return (
        y,
        linear.backward_input(y, weight, backend=b),
        linear.backward_weight(y, x, backend=b),
        linear.backward_bias(y, backend=b),
    )


def _linear_gradients(a, b, o):
    return (
        linear.backward_input(a("NO"), a("OF"), backend=b),
        linear.backward_weight(a("NO"), a("NF"), backend=b),
        linear.backward_bias(a("NO"), backend=b),
    )


def _activation(a, b, o):
    y, saved = activation.forward_saving(a("NCHW"), **o, backend=b)
    return y, activation.backward_input(a("NCHW"), saved, backend=b)


def _softmax(a, b, o):
    y = softmax.forward(a("NKF"), **o, backend=b)
    return y, softmax.backward_input(a("NKF"), y, **o, backend=b)


def _cross_entropy(a, b, o, target="N"):
    labels = a("N", dtype="int64") if target == "N" else a("NK", 1 / SIZES["K"])
    loss, saved = cross_entropy.forward_saving(a("NK"), labels, class_weight=a("K"), **o, backend=b)
    return loss, cross_entropy.backward_input(saved, backend=b)


def _squared_error(a, b, o):
    loss, saved = squared_error.forward_saving(a("NCHW"), a("NCHW"), **o, backend=b)
    return loss, squared_error.backward_input(saved, np.ones_like(loss), backend=b)


def _fixed_norm(a, b, o, x="NCHW"):
    return batch_norm2d.forward(a(x), a("C"), a("C"), a("C"), a("C"), backend=b)


def _batch_norm(a, b, o, x="NCHW", fixed=False):
    weight, statistics = a("C"), (a("C"), a("C")) if fixed else (None, None)
    y, saved = batch_norm2d.forward_saving(
        a(x), weight, a("C"), mean=statistics[0], var=statistics[1], backend=b
    )
    return (
        y,
        *batch_norm2d.backward(y, weight, saved, backend=b),
        batch_norm2d.backward_input(y, weight, saved, backend=b),
        batch_norm2d.backward_weight(y, saved, backend=b),
        batch_norm2d.backward_bias(y, saved, backend=b),
    )


def _group_norm(a, b, o, x="NCHW"):
    weight = a("C")
    y, saved = group_norm.forward_saving(a(x), **o, weight=weight, bias=a("C"), backend=b)
    return (
        y,
        *group_norm.backward(y, weight, saved, backend=b),
        group_norm.backward_input(y, weight, saved, backend=b),
        group_norm.backward_weight(y, saved, backend=b),
        group_norm.backward_bias(y, saved, backend=b),
    )


def _dropout(a, b, o):
    x = a("NCHW")
    key = dropout.DropoutKey(0, "", 0, 0, range(len(x)))
    y, saved = dropout.forward_saving(x, 0.5, key, backend=b)
    return y, dropout.backward_input(a("NCHW"), saved, backend=b)


def _mask(a, b, o):
    key = dropout.DropoutKey(0, "", 0, 0, range(SIZES["N"]))
    return dropout.mask(a.shape("NCHW"), 0.5, key, backend=b)


def _block(a, b, o):
    args = a("NCHW"), a("OCKK"), a("O")
    return conv_block.forward(*args, add=a("NOPQ"), **o, backend=b)


def _block_saving(a, b, o, norm=False):
    normed = {"norm": conv_block.Norm(a("O"), a("O"))} if norm else {}
    weight = a("OCKK")
    y, saved = conv_block.forward_saving(a("NCHW"), weight, a("O"), **normed, **o, backend=b)
    value = y if isinstance(y, np.ndarray) else y.array(b)
    got = conv_block.backward(value, weight, saved, backend=b)
    return value, got.x, got.weight, got.bias, got.norm_weight, got.norm_bias


def _normalise(a, b, o):
    value = conv_block.normalise(a("NCHW"), conv_block.Norm(a("C"), a("C")), backend=b)
    got = conv_block.backward_normalise(a("NCHW"), value, backend=b)
    return value.array(b), got.x, got.weight, got.bias


def _join(a, b, o):
    y = conv_block.join([a("NCHW"), a("NOHW")], backend=b)
    return y, conv_block.add(y, y, backend=b)


def _add(a, b, o, x="NCHW"):
    return conv_block.add(a(x), a(x), relu=True, backend=b)


def _empty(a, b, o):
    return conv_block.empty(a("NCHW"), **o, backend=b).shape


def _sgd(a, b, o):
    weight, velocity = a("OF"), a("OF")
    update.sgd(weight, a("OF"), velocity, lr=0.1, momentum=0.9, backend=b)
    return weight, velocity


def _adam(a, b, o):
    weight, mean, square = a("OF"), a("OF"), a("OF")
    update.adam(weight, a("OF"), mean, square, step=1, lr=0.1, backend=b)
    return weight, mean, square


#: Chapter, a call of its functions, options that it needs; and those that are made huge in turn.
CALLS = {
    "conv2d": ("conv2d", _conv, {}, "stride padding dilation groups"),
    "conv2d gradients": ("conv2d", _conv_gradients, {}, "stride padding dilation groups"),
    "conv2d.backward_input": ("conv2d", _conv_input, {}, "stride padding dilation groups"),
    "conv2d.backward_weight": ("conv2d", _conv_weight, {}, "stride padding dilation groups"),
    "conv_transpose2d": (
        "conv_transpose2d",
        _transposed,
        {},
        "stride padding dilation groups output_padding",
    ),
    "im2col": (
        "im2col",
        partial(_by_shape, im2col),
        {"kernel_size": 2},
        "kernel_size stride padding dilation",
    ),
    "max_pool2d": (
        "max_pool2d",
        _max,
        {"kernel_size": 2},
        "kernel_size stride padding dilation",
    ),
    "avg_pool2d": (
        "avg_pool2d",
        partial(_by_shape, avg_pool2d),
        {"kernel_size": 2},
        "kernel_size stride padding dilation",
    ),
    "avg_pool2d pixels": (
        "avg_pool2d",
        partial(_by_shape, avg_pool2d),
        {"kernel_size": 2, "count_include_pad": False},
        "kernel_size stride padding dilation",
    ),
    "global_avg_pool2d": (
        "global_avg_pool2d",
        partial(_by_shape, global_avg_pool2d),
        {},
        "",
    ),
    "adaptive_avg_pool2d": (
        "adaptive_avg_pool2d",
        partial(_by_shape, adaptive_avg_pool2d),
        {"output_size": 2},
        "output_size",
    ),
    "upsample2d size": (
        "upsample2d",
        partial(_by_shape, upsample2d),
        {"size": 7},
        "size",
    ),
    "upsample2d scale": (
        "upsample2d",
        partial(_by_shape, upsample2d),
        {"scale_factor": 2, "mode": "bilinear"},
        "scale_factor",
    ),
    "linear": ("linear", _linear, {}, ""),
    "linear gradients": ("linear", _linear_gradients, {}, ""),
    **{
        f"activation {kind}": ("activation", _activation, {"kind": kind}, "")
        for kind in activation.KINDS
    },
    "softmax": ("softmax", _softmax, {}, "axis"),
    "softmax axis": ("softmax", _softmax, {"axis": 1}, ""),
    **{
        f"cross_entropy {how}": ("cross_entropy", _cross_entropy, {"reduction": how}, "")
        for how in cross_entropy.REDUCTIONS
    },
    "cross_entropy shares": (
        "cross_entropy",
        partial(_cross_entropy, target="NK"),
        {},
        "",
    ),
    **{
        f"squared_error {how}": ("squared_error", _squared_error, {"reduction": how}, "")
        for how in squared_error.REDUCTIONS
    },
    "batch_norm2d.forward": ("batch_norm2d", _fixed_norm, {}, ""),
    "batch_norm2d.forward features": ("batch_norm2d", partial(_fixed_norm, x="NC"), {}, ""),
    "batch_norm2d": ("batch_norm2d", _batch_norm, {}, ""),
    "batch_norm2d fixed": ("batch_norm2d", partial(_batch_norm, fixed=True), {}, ""),
    "batch_norm2d features": ("batch_norm2d", partial(_batch_norm, x="NC"), {}, ""),
    "batch_norm2d image": ("batch_norm2d", partial(_batch_norm, x="CHW"), {}, ""),
    "group_norm": ("group_norm", _group_norm, {"num_groups": 2}, "num_groups"),
    "group_norm features": ("group_norm", partial(_group_norm, x="NC"), {"num_groups": 2}, ""),
    "dropout": ("dropout", _dropout, {}, ""),
    "dropout.mask": ("dropout", _mask, {}, ""),
    "conv_block": ("conv_block", _block, {}, "stride padding dilation groups"),
    "conv_block saving": ("conv_block", _block_saving, {"relu": True}, "stride padding groups"),
    "conv_block pool": ("conv_block", _block_saving, {"pool": True}, "stride padding groups"),
    "conv_block norm": ("conv_block", partial(_block_saving, norm=True), {"relu": True}, "groups"),
    "conv_block.normalise": ("conv_block", _normalise, {}, ""),
    "conv_block.join": ("conv_block", _join, {}, ""),
    "conv_block.add": ("conv_block", _add, {}, ""),
    "conv_block.add features": ("conv_block", partial(_add, x="NC"), {}, ""),
    "conv_block.empty": ("conv_block", _empty, {"channels": 3}, "channels"),
    "update.sgd": ("update", _sgd, {}, ""),
    "update.adam": ("update", _adam, {}, ""),
}


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """Let every machine have one GiB, so that what is too large is so everywhere."""
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (2**30, 2**30))


def outcome(call, arrays, telling, options):
    """What a call gives: every number, or the class and words of our error; no other is caught."""
    try:
        results = call(arrays, telling, options)
    except ClearconvError as error:
        return type(error).__name__, str(error)
    results = results if isinstance(results, tuple) else (results,)
    return [result if result is None else (np.shape(result), result) for result in results]


def assert_alike(name, arrays, **changed):
    """Run one call in every telling; return what all of them gave."""
    chapter, call, options, _ = CALLS[name]
    tellings = available(chapter)
    first, *others = (outcome(call, Arrays(**arrays), t, options | changed) for t in tellings)
    for other in others:
        if isinstance(first, tuple):
            assert other == first
            continue
        assert isinstance(other, list), other
        for one, two in zip(first, other, strict=True):
            assert (one is None) == (two is None)
            if one is not None:
                assert one[0] == two[0]
                np.testing.assert_allclose(one[1], two[1], rtol=1e-5, atol=1e-5)
    return first


def axes_of(name):
    """Name each letter of a call's arrays, and each axis of each array."""
    _, call, options, _ = CALLS[name]
    arrays = Arrays()
    call(arrays, "matrix", options)
    for letter in sorted(set("".join(arrays.made))):
        yield letter, {"letter": letter}
    for number, letters in enumerate(arrays.made):
        for axis, letter in enumerate(letters):
            yield letter, {"place": (number, axis)}


#: Chapters that take arrays of any shape, and so any empty ones.
ANY_SHAPE = "activation", "dropout", "squared_error", "update", "softmax"


@pytest.mark.parametrize("name", CALLS)
def test_empty_axes(name):
    for letter, arrays in axes_of(name):
        got = assert_alike(name, arrays)
        if letter != "N" and not name.startswith(ANY_SHAPE):
            assert isinstance(got, tuple), f"{arrays} was taken"


@pytest.mark.parametrize("name", CALLS)
def test_huge_axes(name):
    for letter, arrays in axes_of(name):
        size = 2**28 if letter == "K" else 2**40
        assert isinstance(assert_alike(name, arrays | {"size": size}), tuple), arrays


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call[3]])
def test_huge_settings(name):
    for setting in CALLS[name][3].split():
        one = setting in ("groups", "num_groups", "axis", "channels")
        for huge in HUGE:
            for value in [huge] if one else [huge, (1, huge), (huge, 1)]:
                got = assert_alike(name, {}, **{setting: value})
                assert isinstance(got, tuple) or setting == "stride", (setting, value)


def test_words():
    x = np.zeros((2, 0, 4, 4), "float32")
    with pytest.raises(ShapeError) as error:
        max_pool2d.forward(x, 2)
    assert str(error.value) == (
        "max_pool2d.forward: x has shape (2, 0, 4, 4), but only the batch may be empty; each other "
        "axis needs at least one element. Was the array cut too short, or has an earlier layer "
        "left nothing of the image?"
    )
    with pytest.raises(ShapeError) as error:
        adaptive_avg_pool2d.forward(np.zeros((1, 3, 4, 4), "float32"), (1, 2**31))
    assert str(error.value) == (
        "adaptive_avg_pool2d.forward: y of shape (1, 3, 1, 2147483648) takes 24,576 MiB, but there "
        "are only 1,024 MiB of memory. Is one of the sizes a mistake? If not, use smaller images, "
        "or fewer at a time."
    )


@pytest.mark.parametrize("backend", available("conv2d"))
def test_no_images_give_no_results_and_gradients_of_zero(backend):
    x, weight = np.ones((0, 2, 5, 5)), np.ones((3, 2, 2, 2))
    y = conv2d.forward(x, weight, backend=backend)
    assert y.shape == (0, 3, 4, 4)
    grad = conv2d.backward_weight(y, x, weight.shape, backend=backend)
    assert grad.shape == weight.shape and not grad.any()
