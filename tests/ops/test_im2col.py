"""im2col and col2im: by hand, as adjoints, numerically, and against PyTorch's unfold."""

import numpy as np
import pytest
from geometry import (
    FEW,
    assert_equal_enough,
    assert_gradient,
    geometries,
    positions,
    torch_gradients,
)
from hypothesis import given

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import conv2d
from clearconv.ops.geometry.window import Window
from clearconv.ops.im2col import backward_input, col2im, forward, im2col
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("im2col"))


@TELLINGS
def test_by_hand(backend):
    # 1 2 3
    # 4 5 6    the 2x2 windows are  1 2   2 3   4 5   5 6
    # 7 8 9                         4 5   5 6   7 8   8 9
    x = np.arange(1.0, 10).reshape(3, 3)
    y = im2col(x, 2, backend=backend)
    assert y.tolist() == [
        [1, 2, 4, 5],  # upper left of every window
        [2, 3, 5, 6],  # upper right
        [4, 5, 7, 8],  # lower left
        [5, 6, 8, 9],  # lower right
    ]
    # Back: a corner was copied once, an edge twice, the centre four times.
    back = col2im(y, (3, 3), 2, backend=backend)
    assert back.tolist() == [[1, 4, 3], [8, 20, 12], [7, 16, 9]]


@TELLINGS
def test_layout_channels_then_taps_and_image_by_image(backend):
    x = np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)
    y = forward(x, (2, 3), stride=(2, 1), backend=backend)
    assert y.shape == (2, 3 * 2 * 3, 2 * 3)
    # row (c*KH + i)*KW + j, column p*OW + q, here c i j p q = 2 1 0 1 2: pixel (1*2 + 1, 2 + 0)
    assert y[1, (2 * 2 + 1) * 3 + 0, 1 * 3 + 2] == x[1, 2, 3, 2]


def test_names_of_the_articles():
    assert im2col is forward
    assert col2im is backward_input


def test_convolution_is_one_matrix_product():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))
    columns = im2col(x, (3, 2), stride=2, padding=1)
    product = weight.reshape(4, -1) @ columns  # (N, O, OH*OW)
    y = conv2d.forward(x, weight, stride=2, padding=1)
    assert_equal_enough(product.reshape(y.shape), np.ascontiguousarray(y))


@FEW
@given(geometries())
def test_random_geometry(drawn):
    """Tellings agree, every copy is the right one, and <im2col x, y> = <x, col2im y>."""
    size, options = drawn
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, *size))
    window = Window.of("test", size, *options.values())
    expected = _walk(x, window)
    grad_y = rng.standard_normal(expected.shape)
    grads = []
    for backend in available("im2col"):
        y = im2col(x, **options, backend=backend)
        assert np.array_equal(y, expected)
        grads.append(col2im(grad_y, x.shape, **options, backend=backend))
        assert abs(np.sum(y * grad_y) - np.sum(x * grads[-1])) < 1e-11
        assert_equal_enough(grads[-1], grads[0])
    assert_gradient(lambda x: im2col(x, **options), x, grads[0], grad_y)


def _walk(x, window):
    """Build the matrix from windows that walk over the padded image."""
    rows, cols = (
        positions(
            window.input[a],
            window.kernel[a],
            window.stride[a],
            window.padding[a],
            window.dilation[a],
        )
        for a in (0, 1)
    )
    columns = [
        [
            x[:, c, row, col] if row is not None and col is not None else np.zeros(len(x))
            for c in range(x.shape[1])
            for row in line
            for col in pillar
        ]
        for line in rows
        for pillar in cols
    ]  # (OH*OW, C*KH*KW, N)
    return np.array(columns).transpose(2, 1, 0)


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    y = im2col(x, 2, backend=backend)
    assert y.dtype == np.float32
    for part, shape in ((x[0], (1, 5, 4)), (x[0, 0], (5, 4))):
        assert np.array_equal(im2col(part, 2, backend=backend), y[0])
        back = col2im(y[0], shape, 2, backend=backend)
        assert back.shape == shape
        assert np.array_equal(back.reshape(x.shape), col2im(y, x.shape, 2, backend=backend))


@TELLINGS
def test_out_receives_the_result(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    y = np.full((2, 12, 12), np.nan)
    assert im2col(x, 2, out=y, backend=backend) is y
    assert np.array_equal(y, im2col(x, 2, backend=backend))
    back = np.full(x.shape, np.nan)
    assert col2im(y, x.shape, 2, out=back, backend=backend) is back
    assert np.array_equal(back, col2im(y, x.shape, 2, backend=backend))


@pytest.mark.oracle
@TELLINGS
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 3, 6, 5), {"kernel_size": (2, 3)}),
        ((2, 3, 8, 7), {"kernel_size": 3, "stride": (2, 1), "padding": (1, 2)}),
        ((1, 2, 9, 8), {"kernel_size": (3, 2), "dilation": (2, 3), "padding": 1, "stride": 2}),
    ],
)
def test_against_pytorch(backend, shape, options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y = im2col(x, **options, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    expected_y, expected_grad = torch_gradients(lambda F, x: F.unfold(x, **options), grad_y, x)
    assert_equal_enough(y, expected_y)
    assert_equal_enough(col2im(grad_y, shape, **options, backend=backend), expected_grad)


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"im2col.forward: .* height is 4, .* window spans 5"):
        im2col(x, 5)
    with pytest.raises(DtypeError, match="x has dtype int64"):
        im2col(x.astype(int), 2)
    with pytest.raises(ShapeError, match=r"has shape \(2, 12, 8\), but \(2, 12, 9\) is expected"):
        col2im(np.zeros((2, 12, 8)), x.shape, 2)
    with pytest.raises(ShapeError, match=r"has shape \(12,\), 1 axes, but 2 or 3 are needed"):
        col2im(np.zeros(12), x.shape, 2)
    with pytest.raises(ShapeError, match=r"x_shape is \(4,\)"):
        col2im(np.zeros((12, 9)), (4,), 2)
