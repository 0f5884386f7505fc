"""conv2d: by hand, against the articles' formulas, numerically, and against other programs."""

import json
from pathlib import Path

import numpy as np
import pytest
from geometry import (
    FEW,
    assert_equal_enough,
    assert_gradient,
    geometries,
    onnx_run,
    torch_gradients,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import conv2d
from clearconv.ops.geometry.window import Window
from clearconv.ops.tellings import available

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "worked_example.json").read_text("utf-8")
)
TELLINGS = pytest.mark.parametrize("backend", available("conv2d"))


@TELLINGS
def test_by_hand(backend):
    x = np.array([[[[1.0, 0, 2], [3, 1, 0], [0, 2, 1]]]])
    weight = np.array([[[[1.0, -1], [2, 0]]]])
    # 1*1 - 1*0 + 2*3 + 0*1 + 0.5 = 7.5    1*0 - 1*2 + 2*1 + 0*0 + 0.5 = 0.5
    # 1*3 - 1*1 + 2*0 + 0*2 + 0.5 = 2.5    1*1 - 1*0 + 2*2 + 0*1 + 0.5 = 5.5
    y = conv2d.forward(x, weight, np.array([0.5]), backend=backend)
    assert y.tolist() == [[[[7.5, 0.5], [2.5, 5.5]]]]

    grad_y = np.array([[[[1.0, 2], [-1, 0]]]])
    # element (0, 0) met pixels 1 0 3 1: 1*1 + 0*2 + 3*-1 + 1*0 = -2
    # element (0, 1) met pixels 0 2 1 0: 0*1 + 2*2 + 1*-1 + 0*0 = 3
    # element (1, 0) met pixels 3 1 0 2: 3*1 + 1*2 + 0*-1 + 2*0 = 5
    # element (1, 1) met pixels 1 0 2 1: 1*1 + 0*2 + 2*-1 + 1*0 = -1
    grad_weight = conv2d.backward_weight(grad_y, x, weight.shape, backend=backend)
    assert grad_weight.tolist() == [[[[-2, 3], [5, -1]]]]

    # 1 + 2 - 1 + 0 = 2
    assert conv2d.backward_bias(grad_y, backend=backend).tolist() == [2]

    # corner (0, 0) was seen by output (0, 0) under weight 1:         1*1 = 1
    # edge (0, 1) by (0, 0) under -1 and by (0, 1) under 1:           -1*1 + 1*2 = 1
    # centre (1, 1) by all four, under 0, 2, -1 and 1:                0*1 + 2*2 - 1*-1 + 1*0 = 5
    grad_x = conv2d.backward_input(grad_y, weight, x.shape, backend=backend)
    assert grad_x.tolist() == [[[[1, 1, -2], [1, 5, 0], [-2, 0, 0]]]]


@TELLINGS
def test_the_article_s_printed_example(backend):
    """5x5x3 image, two 3x3x3 filters, stride 2, padding 1, learning rate 0.001."""
    given_ = REFERENCE["conv"]
    x, grad_y, weight, bias = (
        np.array(given_[name], dtype=float) for name in ("x", "grad_y", "weight", "bias")
    )
    how = {"stride": given_["stride"], "padding": given_["padding"], "backend": backend}
    y = conv2d.forward(x, weight, bias, **how)
    assert y.tolist() == given_["y"]
    grad_weight = conv2d.backward_weight(grad_y, x, weight.shape, **how)
    assert grad_weight.tolist() == given_["grad_weight"]
    grad_bias = conv2d.backward_bias(grad_y, backend=backend)
    assert grad_bias.tolist() == given_["grad_bias"]
    grad_x = conv2d.backward_input(grad_y, weight, x.shape, **how)
    assert grad_x.tolist() == given_["grad_x"]
    rate = given_["learning_rate"]
    updated = weight - rate * grad_weight
    assert np.max(np.abs(updated - given_["updated_weight"])) < 1e-15
    assert np.max(np.abs(bias - rate * grad_bias - given_["updated_bias"])) < 1e-15


@TELLINGS
def test_the_article_s_opening_figure(backend):
    """A 4x4 image and two 2x2 filters give two 3x3 maps."""
    given_ = REFERENCE["small"]
    weight = np.array(given_["weight"], dtype=float)[:, np.newaxis]  # (2, 1, 2, 2)
    y = conv2d.forward(np.array(given_["x"], dtype=float), weight, backend=backend)
    assert y.shape == (2, 3, 3)
    assert y.tolist() == given_["y"]
    assert y[0, 0, 0] == 1  # net_o11


def test_sizes_of_the_article_on_im2col():
    x, weight = np.zeros((4, 4)), np.zeros((1, 1, 3, 3))
    assert conv2d.forward(x, weight).shape == (1, 2, 2)
    assert conv2d.forward(x, weight, padding=1).shape == (1, 4, 4)
    # N images of C channels, FN filters and FN biases give N images of FN channels
    y = conv2d.forward(np.zeros((5, 3, 7, 7)), np.zeros((8, 3, 5, 5)), np.zeros(8))
    assert y.shape == (5, 8, 3, 3)


# The articles' formulas, each computed here from its own words.


def correlate(x, weight):
    """Plain stride-1 cross-correlation, without padding."""
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))  # (N, C, OH, OW, KH, KW)
    return np.einsum("ncpqij,ocij->nopq", windows, weight)


def spread(grad_y, stride):
    """Put stride - 1 zeros between neighbours: the sensitivity map of the stride-1 layer."""
    N, O, OH, OW = grad_y.shape
    wide = np.zeros((N, O, (OH - 1) * stride[0] + 1, (OW - 1) * stride[1] + 1))
    wide[:, :, :: stride[0], :: stride[1]] = grad_y
    return wide


FORMULAS = pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        ((3, 3), (2, 2), (1, 1), (0, 0)),  # the article's own
        ((6, 5), (3, 2), (1, 1), (1, 0)),
        ((8, 9), (3, 3), (2, 2), (0, 0)),  # 9 columns fit, of 8 rows one is left over
        ((8, 9), (2, 3), (3, 2), (1, 2)),
    ],
)


def _setting(size, kernel, stride, padding):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, *size))
    weight = rng.standard_normal((4, 3, *kernel))
    y = conv2d.forward(x, weight, stride=stride, padding=padding)
    return x, weight, y, rng.standard_normal(y.shape)


@TELLINGS
@FORMULAS
def test_formula_12_input_gradient_is_convolution_with_the_turned_kernel(
    backend, size, kernel, stride, padding
):
    x, weight, _, grad_y = _setting(size, kernel, stride, padding)
    wide = spread(grad_y, stride)
    edge = [(0, 0), (0, 0), (kernel[0] - 1,) * 2, (kernel[1] - 1,) * 2]
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # rows and columns; (C, O, KH, KW)
    full = correlate(np.pad(wide, edge), turned)
    padded = np.zeros((2, 3, size[0] + 2 * padding[0], size[1] + 2 * padding[1]))
    padded[:, :, : full.shape[2], : full.shape[3]] = full  # leftover rows were never seen
    expected = padded[:, :, padding[0] :, padding[1] :][:, :, : size[0], : size[1]]
    grad_x = conv2d.backward_input(
        grad_y, weight, x.shape, stride=stride, padding=padding, backend=backend
    )
    assert_equal_enough(grad_x, expected)


@TELLINGS
@FORMULAS
def test_weight_gradient_is_convolution_with_the_spread_sensitivities(
    backend, size, kernel, stride, padding
):
    x, weight, _, grad_y = _setting(size, kernel, stride, padding)
    padded = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    # images and channels change places: the sum runs over images
    full = correlate(padded.transpose(1, 0, 2, 3), spread(grad_y, stride).transpose(1, 0, 2, 3))
    expected = full[:, :, : kernel[0], : kernel[1]].transpose(1, 0, 2, 3)  # (O, C, KH, KW)
    grad_weight = conv2d.backward_weight(
        grad_y, x, weight.shape, stride=stride, padding=padding, backend=backend
    )
    assert_equal_enough(grad_weight, np.ascontiguousarray(expected))


@TELLINGS
def test_weight_gradient_exchanges_stride_and_dilation(backend):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 11, 12)), rng.standard_normal((4, 3, 3, 2))
    y = conv2d.forward(x, weight, stride=(2, 3), dilation=(3, 2))
    grad_y = rng.standard_normal(y.shape)
    grad_weight = conv2d.backward_weight(
        grad_y, x, weight.shape, stride=(2, 3), dilation=(3, 2), backend=backend
    )
    as_kernel = conv2d.forward(
        x.transpose(1, 0, 2, 3),
        grad_y.transpose(1, 0, 2, 3),
        stride=(3, 2),
        dilation=(2, 3),
        backend=backend,
    )
    assert_equal_enough(grad_weight, as_kernel.transpose(1, 0, 2, 3)[:, :, :3, :2])


@TELLINGS
@FORMULAS
def test_a_stride_only_leaves_out_results_of_stride_1(backend, size, kernel, stride, padding):
    x, weight, _, _ = _setting(size, kernel, stride, padding)
    strided = conv2d.forward(x, weight, stride=stride, padding=padding, backend=backend)
    dense = conv2d.forward(x, weight, padding=padding, backend=backend)
    assert_equal_enough(strided, dense[:, :, :: stride[0], :: stride[1]])


@TELLINGS
def test_stride_2_on_a_5x5_image(backend):
    """Pixels x1..x25 and weights w1..w9 row by row; outputs z1..z4."""
    names = np.arange(1.0, 26).reshape(1, 1, 5, 5)

    def met(output):
        """Name the pixel that each weight meets for one output: dz/dw is that pixel."""
        only = np.zeros(4)
        only[output - 1] = 1
        grad = conv2d.backward_weight(
            only.reshape(1, 1, 2, 2), names, (1, 1, 3, 3), stride=2, backend=backend
        )
        return grad.ravel().tolist()

    assert met(1) == [1, 2, 3, 6, 7, 8, 11, 12, 13]
    assert met(2) == [3, 4, 5, 8, 9, 10, 13, 14, 15]  # the centre, w5, meets x9
    assert met(3) == [11, 12, 13, 16, 17, 18, 21, 22, 23]
    assert met(4) == [13, 14, 15, 18, 19, 20, 23, 24, 25]
    assert [met(output)[1] for output in (1, 2, 3, 4)] == [2, 4, 12, 14]  # w2

    w, dz = 10.0 ** np.arange(9), np.array([2.0, 3, 5, 7])  # sums that show their terms
    dx = conv2d.backward_input(
        dz.reshape(1, 1, 2, 2), w.reshape(1, 1, 3, 3), (1, 1, 5, 5), stride=2, backend=backend
    ).ravel()
    assert dx[3 - 1] == w[3 - 1] * dz[0] + w[1 - 1] * dz[1]
    assert dx[9 - 1] == w[5 - 1] * dz[1]


def test_where_the_bias_is():
    """The bias moves every output of its channel by itself, and nothing else."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 3, 3))
    moved = conv2d.forward(x, weight, np.array([0.25, -8.0])) - conv2d.forward(x, weight)
    assert np.max(np.abs(moved[:, 0] - 0.25)) < 1e-12
    assert np.max(np.abs(moved[:, 1] + 8.0)) < 1e-12


@TELLINGS
def test_a_bias_for_every_position(backend):
    """Added where it stands, the same for every image; its gradient adds up the images."""
    x, weight = np.array([[[[1.0, 0, 2]]], [[[3.0, 1, 0]]]]), np.array([[[[1.0, -1]]]])
    # image 0: 1 - 0 = 1, 0 - 2 = -2    image 1: 3 - 1 = 2, 1 - 0 = 1    and 0.5 and 8
    y = conv2d.forward(x, weight, np.array([[[0.5, 8]]]), backend=backend)
    assert y.tolist() == [[[[1.5, 6]]], [[[2.5, 9]]]]
    grad_y = np.array([[[[1.0, 2]]], [[[-4.0, 0.5]]]])
    # 1 - 4 = -3    2 + 0.5 = 2.5
    assert conv2d.backward_bias(grad_y, False, backend=backend).tolist() == [[[-3, 2.5]]]


@TELLINGS
@pytest.mark.parametrize("N", [1, 7, 40])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_bias_for_every_position_against_its_definition(backend, N, groups):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((N, 4, 6, 5)), rng.standard_normal((8, 4 // groups, 3, 3))
    bias, how = rng.standard_normal((8, 6, 5)), {"padding": 1, "groups": groups}
    expected = conv2d.forward(x, weight, **how, backend="loops") + bias
    for given_ in (bias, np.asfortranarray(bias), bias[::-1, ::-1].copy()[::-1, ::-1]):
        assert_equal_enough(conv2d.forward(x, weight, given_, **how, backend=backend), expected)
    grad_y = rng.standard_normal(expected.shape)
    for given_ in (grad_y, grad_y.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)):
        grad_bias = conv2d.backward_bias(given_, False, backend=backend)
        assert_equal_enough(grad_bias, grad_y.sum(axis=0))


@FEW
@given(geometries(), st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 3, 6)]))
def test_random_geometry(drawn, channels):
    size, options = drawn
    groups, C, O = channels
    kernel = options.pop("kernel_size")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, C, *size))
    weight, bias = rng.standard_normal((O, C // groups, *kernel)), rng.standard_normal(O)
    options["groups"] = groups
    results = []
    for backend in available("conv2d"):
        how = {**options, "backend": backend}
        y = conv2d.forward(x, weight, bias, **how)
        grad_y = np.random.default_rng(2).standard_normal(y.shape)
        results.append(
            (
                y,
                conv2d.backward_input(grad_y, weight, x.shape, **how),
                conv2d.backward_weight(grad_y, x, weight.shape, **how),
                conv2d.backward_bias(grad_y, backend=backend),
            )
        )
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            assert_equal_enough(actual, expected)
    _, grad_x, grad_weight, grad_bias = results[-1]
    assert_gradient(lambda x: conv2d.forward(x, weight, bias, **options), x, grad_x, grad_y)
    assert_gradient(lambda w: conv2d.forward(x, w, bias, **options), weight, grad_weight, grad_y)
    assert_gradient(lambda b: conv2d.forward(x, weight, b, **options), bias, grad_bias, grad_y)


ORACLE = pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((2, 3, 6, 7), (4, 3, 3, 2), {}),
        ((2, 4, 8, 7), (6, 2, 3, 3), {"stride": (2, 1), "padding": (1, 2), "groups": 2}),
        ((2, 3, 9, 8), (3, 1, 2, 3), {"dilation": (3, 2), "groups": 3, "padding": 1}),
        ((1, 2, 9, 11), (3, 2, 3, 3), {"stride": (3, 2), "dilation": (2, 1), "padding": (0, 3)}),
    ],
)


@TELLINGS
@ORACLE
def test_against_onnx(backend, x, weight, options):
    rng = np.random.default_rng(4)
    x, weight = rng.standard_normal(x), rng.standard_normal(weight)
    bias = rng.standard_normal(weight.shape[0])
    geometry = {key: value for key, value in options.items() if key != "groups"}
    window = Window.of("test", x.shape[2:], weight.shape[2:], **geometry)
    (top, bottom), (left, right) = window.padding
    expected = onnx_run(
        "Conv",
        x,
        weight,
        bias,
        strides=window.stride,
        dilations=window.dilation,
        pads=[top, left, bottom, right],
        group=options.get("groups", 1),
    )
    assert_equal_enough(conv2d.forward(x, weight, bias, **options, backend=backend), expected)


@pytest.mark.oracle
@TELLINGS
@ORACLE
def test_against_pytorch(backend, x, weight, options):
    rng = np.random.default_rng(4)
    x, weight = rng.standard_normal(x), rng.standard_normal(weight)
    bias = rng.standard_normal(weight.shape[0])
    y = conv2d.forward(x, weight, bias, **options, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    how = {**options, "backend": backend}
    actual = (
        y,
        conv2d.backward_input(grad_y, weight, x.shape, **how),
        conv2d.backward_weight(grad_y, x, weight.shape, **how),
        conv2d.backward_bias(grad_y, backend=backend),
    )
    expected = torch_gradients(
        lambda F, x, weight, bias: F.conv2d(x, weight, bias, **options), grad_y, x, weight, bias
    )
    for ours, theirs in zip(actual, expected, strict=True):
        assert_equal_enough(ours, theirs)


@TELLINGS
def test_out_receives_the_result_and_inputs_stay_as_they_were(backend):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((4, 3, 3, 3))
    bias, before = rng.standard_normal(4), x.copy()
    y = conv2d.forward(x, weight, bias, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    calls = (
        (conv2d.forward, (x, weight, bias)),
        (conv2d.backward_input, (grad_y, weight, x.shape)),
        (conv2d.backward_weight, (grad_y, x, weight.shape)),
        (conv2d.backward_bias, (grad_y,)),
    )
    for function, inputs in calls:
        expected = function(*inputs, backend=backend)
        out = np.full(expected.shape, np.nan)
        assert function(*inputs, backend=backend, out=out) is out
        assert np.array_equal(out, expected)
    assert np.array_equal(x, before)


def _floats(*shape, dtype="float64"):
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: conv2d.forward(_floats(2, 3, 5, 5), _floats(4, 2, 3, 3)),
            ShapeError,
            "conv2d.forward: x has 3 channels (shape (2, 3, 5, 5)), but weight (4, 2, 3, 3) with "
            "groups=1 expects 2.",
        ),
        (
            lambda: conv2d.forward(_floats(2, 3, 5, 5), _floats(4, 1, 3, 3), groups=3),
            ShapeError,
            "groups=3, but it must divide both the input channels (3) and the output channels (4)",
        ),
        (
            lambda: conv2d.forward(_floats(2, 3, 2, 5), _floats(4, 3, 3, 3)),
            ShapeError,
            "the input's height is 2",
        ),
        (
            lambda: conv2d.forward(_floats(5), _floats(4, 3, 3, 3)),
            ShapeError,
            "x has shape (5,), 1 axes, but 2 or 3 or 4 are needed",
        ),
        (
            lambda: conv2d.forward(_floats(3, 5, 5), _floats(3, 3, 3)),
            ShapeError,
            "weight has shape (3, 3, 3)",
        ),
        (
            lambda: conv2d.forward(_floats(3, 5, 5), _floats(4, 3, 3, 3), _floats(3)),
            ShapeError,
            "bias has shape (3,), but (4,) is expected: one number for each output channel",
        ),
        (
            lambda: conv2d.forward(_floats(3, 5, 5), _floats(4, 3, 3, 3), _floats(4, 5, 5)),
            ShapeError,
            "bias has shape (4, 5, 5), but (4, 3, 3) is expected: one number for each output "
            "channel and position",
        ),
        (
            lambda: conv2d.forward(_floats(3, 5, 5), _floats(4, 3, 3, 3, dtype="float32")),
            DtypeError,
            "x float64, weight float32",
        ),
        (
            lambda: conv2d.forward(np.zeros((3, 5, 5), dtype=int), _floats(4, 3, 3, 3)),
            DtypeError,
            "x has dtype int64",
        ),
        (
            lambda: conv2d.forward([[1.0]], _floats(1, 1, 1, 1)),
            DtypeError,
            "x is a list, but a NumPy array is needed",
        ),
        (
            lambda: conv2d.forward(_floats(3, 5, 5), _floats(4, 3, 3, 3), out=_floats(4, 5, 5)),
            ShapeError,
            "out is float64 (4, 5, 5), but float64 (4, 3, 3) is needed",
        ),
        (
            lambda: conv2d.backward_input(_floats(4, 5, 5), _floats(4, 3, 3, 3), (3, 5, 5)),
            ShapeError,
            "conv2d.backward_input: grad_y has shape (1, 4, 5, 5), but (1, 4, 3, 3) is expected",
        ),
        (
            lambda: conv2d.backward_input(_floats(4, 5, 5), _floats(4, 3, 3, 3), (3,)),
            ShapeError,
            "x_shape is (3,)",
        ),
        (
            lambda: conv2d.backward_weight(_floats(4, 5, 5), _floats(3, 5, 5), (4, 3, 3, 3)),
            ShapeError,
            "conv2d.backward_weight: grad_y has shape",
        ),
        (lambda: conv2d.backward_bias(_floats(4, 5)), ShapeError, "3 or 4 are needed"),
    ],
)
def test_errors_say_what_came_and_what_was_expected(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
