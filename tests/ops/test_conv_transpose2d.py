"""conv_transpose2d: by hand, as conv2d's transpose, numerically, and against other programs."""

import numpy as np
import pytest
from geometry import FEW, assert_equal_enough, assert_gradient, onnx_run, torch_gradients
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import conv2d, conv_transpose2d
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("conv_transpose2d"))


@TELLINGS
def test_by_hand(backend):
    x = np.array([[[[1.0, 2], [0, -1]]]])
    weight = np.array([[[[1.0, -1], [2, 0]]]])
    # 1 presses  1 -1    2 presses one column on  .  2 -2    -1 presses in the middle
    #            2  0                             .  4  0       -1 * (1 -1 / 2 0)
    # corner: 1    edge: -1 + 2 = 1    right: -2
    # left: 2      centre: 0 + 4 - 1 = 3           right: 0 + 1 = 1
    # below: 0     0 - 2 = -2                      0
    y = conv_transpose2d.forward(x, weight, np.array([0.5]), backend=backend)
    assert y.tolist() == [[[[1.5, 1.5, -1.5], [2.5, 3.5, 1.5], [0.5, -1.5, 0.5]]]]

    grad_y = np.array([[[[1.0, 0, 2], [3, 1, 0], [0, 2, 1]]]])
    # each pixel collects its patch: 1*1 + 0*-1 + 3*2 + 1*0 = 7    0*1 + 2*-1 + 1*2 + 0*0 = 0
    #                                3*1 + 1*-1 + 0*2 + 2*0 = 2    1*1 + 0*-1 + 2*2 + 1*0 = 5
    grad_x = conv_transpose2d.backward_input(grad_y, weight, x.shape, backend=backend)
    assert grad_x.tolist() == [[[[7, 0], [2, 5]]]]

    # weight (0, 0) took 1 2 0 -1 to outputs 1 0 3 1: 1*1 + 2*0 + 0*3 - 1*1 = 0
    # weight (0, 1)                  outputs 0 2 1 0: 1*0 + 2*2 + 0*1 - 1*0 = 4
    # weight (1, 0)                  outputs 3 1 0 2: 1*3 + 2*1 + 0*0 - 1*2 = 3
    # weight (1, 1)                  outputs 1 0 2 1: 1*1 + 2*0 + 0*2 - 1*1 = 0
    grad_weight = conv_transpose2d.backward_weight(grad_y, x, weight.shape, backend=backend)
    assert grad_weight.tolist() == [[[[0, 4], [3, 0]]]]

    # 1 + 0 + 2 + 3 + 1 + 0 + 0 + 2 + 1 = 10
    assert conv_transpose2d.backward_bias(grad_y, backend=backend).tolist() == [10]


@TELLINGS
def test_a_stride_spreads_the_kernels(backend):
    x, weight = np.array([[1.0, 2], [3, 4]]), np.array([[[[1.0, 10], [100, 1000]]]])
    # 2x2 kernels two apart do not overlap: every pixel becomes a block
    y = conv_transpose2d.forward(x, weight, stride=2, backend=backend)
    rows = [[1, 10, 2, 20], [100, 1000, 200, 2000], [3, 30, 4, 40], [300, 3000, 400, 4000]]
    assert y.tolist() == [rows]
    # three apart there is a gap, one more row at the bottom, two more columns at the right
    y = conv_transpose2d.forward(x, weight, stride=3, output_padding=(1, 2), backend=backend)
    assert y.tolist() == [
        [
            [1, 10, 0, 2, 20, 0, 0],
            [100, 1000, 0, 200, 2000, 0, 0],
            [0, 0, 0, 0, 0, 0, 0],
            [3, 30, 0, 4, 40, 0, 0],
            [300, 3000, 0, 400, 4000, 0, 0],
            [0, 0, 0, 0, 0, 0, 0],
        ]
    ]
    # padding cuts what stands at the edges
    y = conv_transpose2d.forward(x, weight, stride=2, padding=(1, 0), backend=backend)
    assert y.tolist() == [[[100, 1000, 200, 2000], [3, 30, 4, 40]]]


@TELLINGS
def test_bilinear_kernel_doubles_a_map(backend):
    """The kernel with which a transposed convolution starts as linear interpolation."""
    line = np.array([0.25, 0.75, 0.75, 0.25])
    x = np.array([[4.0, 8, 0]])
    weight = np.broadcast_to(line, (1, 1, 1, 4)).copy()
    how = {"stride": (1, 2), "padding": (0, 1), "backend": backend}
    y = conv_transpose2d.forward(x, weight, **how)
    # 3/4 * 4, 3/4 * 4 + 1/4 * 8, 1/4 * 4 + 3/4 * 8, 3/4 * 8 + 0, 1/4 * 8, 0
    assert y.tolist() == [[[3, 5, 7, 6, 2, 0]]]


@st.composite
def settings(draw):
    """Draw (H, W) and options that give an output of at least one pixel."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pair), draw(pair), draw(pair)
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    sides, extra = [], []
    for axis in (0, 1):
        extra.append(draw(st.integers(0, max(stride[axis], dilation[axis]) - 1)))
        whole = (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + extra[axis]
        before = draw(st.integers(0, min(3, whole)))
        sides.append((before, draw(st.integers(0, min(3, whole - before)))))
    options = {
        "stride": stride,
        "padding": tuple(sides),
        "output_padding": tuple(extra),
        "dilation": dilation,
    }
    return size, kernel, options


@FEW
@given(settings(), st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 3, 6)]), st.booleans())
def test_random_geometry(drawn, channels, shared):
    size, kernel, options = drawn
    groups, C, O = channels
    options = {**options, "groups": groups}
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, C, *size))
    weight = rng.standard_normal((C, O // groups, *kernel))
    shape = conv_transpose2d.forward(x, weight, **options).shape
    bias = rng.standard_normal(O if shared else shape[1:])
    grad_y = rng.standard_normal(shape)
    results = []
    for backend in available("conv_transpose2d"):
        how = {**options, "backend": backend}
        results.append(
            (
                conv_transpose2d.forward(x, weight, bias, **how),
                conv_transpose2d.backward_input(grad_y, weight, x.shape, **how),
                conv_transpose2d.backward_weight(grad_y, x, weight.shape, **how),
                conv_transpose2d.backward_bias(grad_y, shared, backend=backend),
            )
        )
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            assert_equal_enough(actual, expected)
    _, grad_x, grad_weight, grad_bias = results[-1]

    def y(x=x, weight=weight, bias=bias):
        return conv_transpose2d.forward(x, weight, bias, **options)

    assert_gradient(lambda x: y(x=x), x, grad_x, grad_y)
    assert_gradient(lambda w: y(weight=w), weight, grad_weight, grad_y)
    assert_gradient(lambda b: y(bias=b), bias, grad_bias, grad_y)


@TELLINGS
@pytest.mark.parametrize(
    ("size", "kernel", "options"),
    [
        ((7, 6), (3, 2), {}),
        ((7, 8), (3, 3), {"stride": 2, "padding": 1}),
        ((8, 9), (2, 3), {"stride": (3, 2), "padding": (1, 2), "dilation": (2, 1)}),
    ],
)
def test_it_is_the_transpose_of_convolution(backend, size, kernel, options):
    """<conv(a), b> = <a, transposed(b)> for any a and b: what "transposed" means."""
    rng = np.random.default_rng(0)
    a, weight = rng.standard_normal((2, 3, *size)), rng.standard_normal((4, 3, *kernel))
    forth = conv2d.forward(a, weight, **options, backend="loops")
    b = rng.standard_normal(forth.shape)
    small = conv_transpose2d.forward(b, weight, **options, backend=backend)
    left_over = tuple(own - got for own, got in zip(size, small.shape[2:], strict=True))
    back = conv_transpose2d.forward(b, weight, **options, output_padding=left_over, backend=backend)
    assert back.shape == a.shape
    assert abs(np.sum(forth * b) - np.sum(a * back)) < 1e-11


@TELLINGS
def test_convolution_brings_back_the_size(backend):
    """output_padding chooses among the sizes that a stride takes to one."""
    weight = np.ones((1, 1, 3, 3))
    for size in (7, 8):  # both give 4 with stride 2 and padding 1
        small = conv2d.forward(np.ones((size, size)), weight, stride=2, padding=1)
        assert small.shape == (1, 4, 4)
        back = conv_transpose2d.forward(
            small, weight, stride=2, padding=1, output_padding=size - 7, backend=backend
        )
        assert back.shape == (1, size, size)


ORACLE = pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((2, 3, 4, 5), (3, 4, 3, 2), {}),
        ((2, 4, 5, 4), (4, 3, 3, 3), {"stride": (2, 1), "padding": (1, 2), "groups": 2}),
        ((2, 3, 4, 3), (3, 1, 2, 3), {"dilation": (3, 2), "groups": 3, "padding": 1}),
        (
            (1, 2, 4, 5),
            (2, 3, 3, 3),
            {"stride": (3, 2), "dilation": (2, 1), "padding": (0, 2), "output_padding": (2, 1)},
        ),
        ((2, 16, 5, 6), (16, 16, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ],
)


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


@TELLINGS
@ORACLE
def test_against_onnx(backend, x, weight, options):
    rng = np.random.default_rng(4)
    x, weight = rng.standard_normal(x), rng.standard_normal(weight)
    bias = rng.standard_normal(weight.shape[1] * options.get("groups", 1))
    top, left = _pair(options.get("padding", 0))
    groups = options.get("groups", 1)
    parts = zip(
        *(np.split(array, groups, axis=axis) for array, axis in ((x, 1), (weight, 0))), strict=True
    )
    expected = np.concatenate(  # group by group: the reference evaluator takes groups wrongly apart
        [
            onnx_run(
                "ConvTranspose",
                *part,
                strides=_pair(options.get("stride", 1)),
                dilations=_pair(options.get("dilation", 1)),
                pads=[top, left, top, left],
                output_padding=_pair(options.get("output_padding", 0)),
            )
            for part in parts
        ],
        axis=1,
    )
    expected += bias[:, np.newaxis, np.newaxis]
    y = conv_transpose2d.forward(x, weight, bias, **options, backend=backend)
    assert_equal_enough(y, expected)


@pytest.mark.oracle
@TELLINGS
@ORACLE
def test_against_pytorch(backend, x, weight, options):
    rng = np.random.default_rng(4)
    x, weight = rng.standard_normal(x), rng.standard_normal(weight)
    bias = rng.standard_normal(weight.shape[1] * options.get("groups", 1))
    how = {**options, "backend": backend}
    y = conv_transpose2d.forward(x, weight, bias, **how)
    grad_y = rng.standard_normal(y.shape)
    actual = (
        y,
        conv_transpose2d.backward_input(grad_y, weight, x.shape, **how),
        conv_transpose2d.backward_weight(grad_y, x, weight.shape, **how),
        conv_transpose2d.backward_bias(grad_y, backend=backend),
    )
    expected = torch_gradients(
        lambda F, x, weight, bias: F.conv_transpose2d(x, weight, bias, **options),
        grad_y,
        x,
        weight,
        bias,
    )
    for ours, theirs in zip(actual, expected, strict=True):
        assert_equal_enough(ours, theirs)


@TELLINGS
def test_out_receives_the_result_and_inputs_stay_as_they_were(backend):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((3, 4, 3, 3))
    bias, before = rng.standard_normal(4), x.copy()
    y = conv_transpose2d.forward(x, weight, bias, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    calls = (
        (conv_transpose2d.forward, (x, weight, bias)),
        (conv_transpose2d.backward_input, (grad_y, weight, x.shape)),
        (conv_transpose2d.backward_weight, (grad_y, x, weight.shape)),
        (conv_transpose2d.backward_bias, (grad_y,)),
        (conv_transpose2d.backward_bias, (grad_y, False)),
    )
    for function, inputs in calls:
        expected = function(*inputs, backend=backend)
        out = np.full(expected.shape, np.nan)
        assert function(*inputs, backend=backend, out=out) is out
        assert np.array_equal(out, expected)
    assert np.array_equal(x, before)


@TELLINGS
def test_an_empty_batch(backend):
    x, weight = np.zeros((0, 3, 5, 6)), np.ones((3, 4, 3, 3))
    y = conv_transpose2d.forward(x, weight, np.ones(4), backend=backend)
    assert y.shape == (0, 4, 7, 8)
    grad_weight = conv_transpose2d.backward_weight(y, x, weight.shape, backend=backend)
    assert not grad_weight.any()
    assert not conv_transpose2d.backward_bias(y, False, backend=backend).any()


def _floats(*shape, dtype="float64"):
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: conv_transpose2d.forward(_floats(2, 3, 5, 5), _floats(4, 3, 3, 3)),
            ShapeError,
            "conv_transpose2d.forward: x has 3 channels (shape (2, 3, 5, 5)), but weight (4, 3, 3, "
            "3) expects 4. Weights of a transposed convolution are (in, out/groups, rows, columns)",
        ),
        (
            lambda: conv_transpose2d.forward(_floats(2, 3, 5, 5), _floats(3, 4, 3, 3), groups=2),
            ShapeError,
            "groups=2, but it must divide the input channels (3)",
        ),
        (
            lambda: conv_transpose2d.forward(
                _floats(3, 5, 5), _floats(3, 4, 3, 3), stride=2, output_padding=2
            ),
            ShapeError,
            "output_padding=2, but it must be less than the stride (2) or the dilation (1)",
        ),
        (
            lambda: conv_transpose2d.forward(_floats(3, 1, 5), _floats(3, 4, 3, 3), padding=2),
            ShapeError,
            "the input's height is 1, which gives 3, and padding (2, 2) cuts 4 of them",
        ),
        (
            lambda: conv_transpose2d.forward(_floats(3, 5, 5), _floats(3, 4, 3, 3), padding="same"),
            ShapeError,
            "padding='same' does not say which of several sizes",
        ),
        (
            lambda: conv_transpose2d.forward(_floats(3, 5, 5), _floats(3, 4, 3)),
            ShapeError,
            "weight has shape (3, 4, 3)",
        ),
        (
            lambda: conv_transpose2d.forward(_floats(3, 5, 5), _floats(3, 4, 3, 3), _floats(3)),
            ShapeError,
            "bias has shape (3,), but (4,) is expected",
        ),
        (
            lambda: conv_transpose2d.forward(
                _floats(3, 5, 5), _floats(3, 4, 3, 3), _floats(4, 5, 5)
            ),
            ShapeError,
            "bias has shape (4, 5, 5), but (4, 7, 7) is expected: one number for each output "
            "channel and position",
        ),
        (
            lambda: conv_transpose2d.forward(
                _floats(3, 5, 5), _floats(3, 4, 3, 3, dtype="float32")
            ),
            DtypeError,
            "x float64, weight float32",
        ),
        (
            lambda: conv_transpose2d.backward_input(
                _floats(4, 5, 5), _floats(3, 4, 3, 3), (3, 5, 5)
            ),
            ShapeError,
            "conv_transpose2d.backward_input: grad_y has shape (1, 4, 5, 5), but (1, 4, 7, 7)",
        ),
        (
            lambda: conv_transpose2d.backward_weight(
                _floats(4, 5, 5), _floats(3, 5, 5), (3, 4, 3, 3)
            ),
            ShapeError,
            "conv_transpose2d.backward_weight: grad_y has shape",
        ),
        (lambda: conv_transpose2d.backward_bias(_floats(4, 5)), ShapeError, "3 or 4 are needed"),
    ],
)
def test_errors_say_what_came_and_what_was_expected(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
