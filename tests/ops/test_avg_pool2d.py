"""avg_pool2d: by hand, the divisor's rules, numerically, and against other programs."""

import numpy as np
import pytest
from geometry import (
    FEW,
    assert_equal_enough,
    assert_gradient,
    geometries,
    onnx_run,
    positions,
    torch_gradients,
)
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import avg_pool2d
from clearconv.ops.geometry.window import Window, pair
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("avg_pool2d"))


@TELLINGS
def test_by_hand(backend):
    #  1  2 |  3  4
    #  5  6 |  7  8    (1 + 2 + 5 + 6) / 4 = 3.5        (3 + 4 + 7 + 8) / 4 = 5.5
    # ------+------
    #  9 10 | 11 12    (9 + 10 + 13 + 14) / 4 = 11.5    (11 + 12 + 15 + 16) / 4 = 13.5
    # 13 14 | 15 16
    x = np.arange(1.0, 17).reshape(4, 4)
    assert avg_pool2d.forward(x, 2, backend=backend).tolist() == [[3.5, 5.5], [11.5, 13.5]]
    grad_x = avg_pool2d.backward_input(np.array([[4.0, 8], [-4, 0]]), (4, 4), 2, backend=backend)
    assert grad_x.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [-1, -1, 0, 0], [-1, -1, 0, 0]]


@TELLINGS
@pytest.mark.parametrize(
    ("options", "divisors"),
    [
        # a 2x2 window in every corner of a padded 2x2 image: one real pixel of four places
        ({"kernel_size": 2, "padding": 1}, [[4, 4], [4, 4]]),
        ({"kernel_size": 2, "padding": 1, "count_include_pad": False}, [[1, 1], [1, 1]]),
        # 2 rows and columns under windows of 3 from 0: what hangs over is not counted
        ({"kernel_size": 3, "padding": ((0, 1), (1, 0))}, [[9]]),
        (
            {"kernel_size": 3, "padding": ((0, 1), (1, 0)), "count_include_pad": False},
            [[4]],
        ),
        # padded to 4, windows of 3 start at 0 and 2: the second has 2 places in the padded image
        ({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, [[9, 6], [6, 4]]),
        # of these 2 places 1 is a pixel; the first window has 2
        (
            {
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "ceil_mode": True,
                "count_include_pad": False,
            },
            [[4, 2], [2, 1]],
        ),
    ],
)
def test_divisor(backend, options, divisors):
    """With a one in a single pixel, a window that sees it gives 1 / divisor."""
    found = np.zeros((len(divisors), len(divisors[0])))
    for place in np.ndindex(2, 2):
        x = np.zeros((2, 2))
        x[place] = 1
        y = avg_pool2d.forward(x, **options, backend=backend)
        assert y.shape == found.shape
        found[y > 0] = 1 / y[y > 0]
    assert np.allclose(found, divisors, rtol=1e-14)


@FEW
@given(geometries(), st.booleans(), st.booleans())
def test_random_geometry(drawn, ceil_mode, count_include_pad):
    size, options = drawn
    options = {**options, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, *size))
    results = []
    for backend in available("avg_pool2d"):
        how = {**options, "backend": backend}
        try:
            y = avg_pool2d.forward(x, **how)
        except ShapeError as error:
            assert not count_include_pad and "lies on padding alone" in str(error)
            return
        grad_y = np.random.default_rng(1).standard_normal(y.shape)
        results.append((y, avg_pool2d.backward_input(grad_y, x.shape, **how)))
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            assert_equal_enough(actual, expected)
    assert_gradient(lambda x: avg_pool2d.forward(x, **options), x, results[0][1], grad_y)
    if not ceil_mode:
        assert_equal_enough(results[0][0], _walk(x, size, options))


def _walk(x, size, options):
    """Average by walking over the padded image, window by window."""
    names = ("kernel_size", "stride", "padding", "dilation")
    window = Window.of("test", size, *(options[name] for name in names))
    rows, cols = (
        positions(
            size[a], window.kernel[a], window.stride[a], window.padding[a], window.dilation[a]
        )
        for a in (0, 1)
    )
    y = np.empty((*x.shape[:2], len(rows), len(cols)))
    for n, c, p, q in np.ndindex(y.shape):
        places = [(row, col) for row in rows[p] for col in cols[q]]
        pixels = [x[n, c, *place] for place in places if None not in place]
        y[n, c, p, q] = sum(pixels) / len(places if options["count_include_pad"] else pixels)
    return y


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    y = avg_pool2d.forward(x, 2, backend=backend)
    grad_x = avg_pool2d.backward_input(y, x.shape, 2, backend=backend)
    assert y.dtype == grad_x.dtype == np.float32
    for part in (x[0], x[0, 0]):
        part_y = avg_pool2d.forward(part, 2, backend=backend)
        assert part_y.shape == (*part.shape[:-2], 2, 2)
        assert np.array_equal(part_y, y.reshape(part_y.shape))
        part_grad = avg_pool2d.backward_input(part_y, part.shape, 2, backend=backend)
        assert part_grad.shape == part.shape
        assert np.array_equal(part_grad, grad_x.reshape(part.shape))


@TELLINGS
def test_out_receives_the_result(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 4))
    y = np.full((2, 3, 3, 2), np.nan)
    assert avg_pool2d.forward(x, 2, out=y, backend=backend) is y
    assert np.array_equal(y, avg_pool2d.forward(x, 2, backend=backend))
    grad_x = np.full(x.shape, np.nan)
    assert avg_pool2d.backward_input(y, x.shape, 2, out=grad_x, backend=backend) is grad_x
    assert np.array_equal(grad_x, avg_pool2d.backward_input(y, x.shape, 2, backend=backend))


SETTINGS = [
    ((2, 3, 6, 7), {"kernel_size": 2}),
    ((2, 3, 8, 7), {"kernel_size": (3, 2), "stride": (2, 1)}),
    ((2, 2, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 2, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ((2, 2, 6, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((2, 2, 6, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((2, 2, 7, 6), {"kernel_size": (3, 4), "padding": (1, 2), "ceil_mode": True}),
    (
        (2, 2, 6, 7),
        {
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
            "ceil_mode": True,
            "count_include_pad": False,
        },
    ),
]


DILATED = [
    ((2, 2, 9, 8), {"kernel_size": (3, 2), "stride": 1, "padding": 1, "dilation": (2, 3)}),
    (
        (2, 2, 8, 9),
        {
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
            "dilation": 2,
            "count_include_pad": False,
        },
    ),
]


@TELLINGS
@pytest.mark.parametrize(("shape", "options"), SETTINGS + DILATED)
def test_against_onnx(backend, shape, options):
    x = np.random.default_rng(0).standard_normal(shape)
    kernel, padding = options["kernel_size"], options.get("padding", 0)
    ceil_mode = options.get("ceil_mode", False)
    window = Window.of("test", shape[2:], kernel, options.get("stride", kernel), padding)
    dilation = pair("test", "dilation", options.get("dilation", 1), least=1)
    (top, bottom), (left, right) = window.padding
    expected = onnx_run(
        "AveragePool",
        x,
        kernel_shape=window.kernel,
        strides=window.stride,
        dilations=dilation,
        pads=[top, left, bottom, right],
        ceil_mode=int(ceil_mode),
        count_include_pad=int(options.get("count_include_pad", True)),
    )
    assert_equal_enough(avg_pool2d.forward(x, **options, backend=backend), expected)


@pytest.mark.oracle
@TELLINGS
@pytest.mark.parametrize(
    ("shape", "options"),
    [*SETTINGS, ((2, 2, 2, 1), {"kernel_size": (4, 2), "stride": 3, "ceil_mode": True})],
)
def test_against_pytorch(backend, shape, options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y = avg_pool2d.forward(x, **options, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    expected = torch_gradients(lambda F, x: F.avg_pool2d(x, **options), grad_y, x)
    assert_equal_enough(y, expected[0])
    grad_x = avg_pool2d.backward_input(grad_y, shape, **options, backend=backend)
    assert_equal_enough(grad_x, expected[1])


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"avg_pool2d.forward: .* height is 4, .* window spans 5"):
        avg_pool2d.forward(x, 5)
    assert not avg_pool2d.forward(x, 2, padding=2).any()  # zeros of the padding may be averaged
    with pytest.raises(ShapeError, match=r"padding \(2, 2\) on the rows, .* nothing to average"):
        avg_pool2d.forward(x, 2, padding=2, count_include_pad=False)
    with pytest.raises(DtypeError, match="x has dtype uint8"):
        avg_pool2d.forward(x.astype("uint8"), 2)
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\), but \(2, 3, 2, 2\) is expected"):
        avg_pool2d.backward_input(x, x.shape, 2)
    with pytest.raises(ShapeError, match=r"x_shape is \(4,\)"):
        avg_pool2d.backward_input(x, (4,), 2)
