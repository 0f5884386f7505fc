"""max_pool2d: by hand, ties, NaN, padding, numerically, and against other programs."""

import dataclasses
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
    positions,
    torch_gradients,
)
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError, TapeError
from clearconv.ops import max_pool2d
from clearconv.ops.geometry.window import Window
from clearconv.ops.tellings import available

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "worked_example.json").read_text("utf-8")
)
TELLINGS = pytest.mark.parametrize("backend", available("max_pool2d"))


def _both(x, grad_y, *args, backend=None, **options):
    """Forward and backward at once: y, argmax, grad_x."""
    y, saved = max_pool2d.forward_saving(x, *args, **options, backend=backend)
    grad_y = np.asarray(grad_y, dtype=x.dtype).reshape(y.shape)
    return y, saved.argmax, max_pool2d.backward_input(grad_y, saved, backend=backend)


@TELLINGS
def test_by_hand(backend):
    # 1 3 | 2 0
    # 4 2 | 1 5    maxima 4 5 / 7 6, which are elements 2 3 / 0 0 of their windows
    # ----+----
    # 7 0 | 6 6    of two equal sixes the first wins
    # 1 2 | 3 1
    x = np.array([[1.0, 3, 2, 0], [4, 2, 1, 5], [7, 0, 6, 6], [1, 2, 3, 1]])
    y, argmax, grad_x = _both(x, [[1, 2], [3, 4]], 2, backend=backend)
    assert y.tolist() == [[4, 5], [7, 6]]
    assert argmax.tolist() == [[[[2, 3], [0, 0]]]]
    assert grad_x.tolist() == [[0, 0, 0, 0], [1, 0, 0, 2], [3, 0, 4, 0], [0, 0, 0, 0]]


@TELLINGS
def test_overlapping_windows_add(backend):
    """The centre wins all four windows and collects 1 + 2 + 3 + 4."""
    x = np.array([[0.0, 1, 0], [1, 9, 1], [0, 1, 0]])
    y, _, grad_x = _both(x, [[1, 2], [3, 4]], 2, stride=1, backend=backend)
    assert y.tolist() == [[9, 9], [9, 9]]
    assert grad_x.tolist() == [[0, 0, 0], [0, 10, 0], [0, 0, 0]]


@TELLINGS
def test_the_article_s_examples(backend):
    given_ = REFERENCE["pool"]
    x = np.array(given_["x"], dtype=float)
    y, _, grad_x = _both(
        x, given_["grad_y"], given_["kernel_size"], given_["stride"], backend=backend
    )
    assert y.tolist() == given_["y"]
    assert grad_x.tolist() == given_["grad_x"]
    relu = np.array(REFERENCE["small"]["relu"], dtype=float)
    pooled = max_pool2d.forward(relu, 2, stride=1, backend=backend)
    assert pooled.tolist() == REFERENCE["small"]["pool_2_stride_1"]


@TELLINGS
@pytest.mark.parametrize("worst", [-5.0, -np.inf])
def test_padding_never_wins(backend, worst):
    """Not against negative pixels, and not against minus infinity."""
    x = np.full((2, 2), worst)
    y, argmax, grad_x = _both(x, [[1, 2], [3, 4]], 2, stride=2, padding=1, backend=backend)
    assert y.tolist() == [[worst, worst], [worst, worst]]
    assert argmax.tolist() == [[[[3, 2], [1, 0]]]]  # the one real pixel of each window
    assert grad_x.tolist() == [[1, 2], [3, 4]]


@TELLINGS
def test_the_first_nan_wins(backend):
    nan = np.nan
    x = np.array([[1, nan, 5, 2], [nan, np.inf, 1, 3.0]])
    y, argmax, grad_x = _both(x, [[1, 2]], 2, backend=backend)
    assert np.isnan(y[0, 0])
    assert y[0, 1] == 5
    assert argmax.tolist() == [[[[1, 0]]]]
    assert grad_x.tolist() == [[0, 1, 2, 0], [0, 0, 0, 0]]
    assert np.array_equal(max_pool2d.forward(x, 2, backend=backend), y, equal_nan=True)


@TELLINGS
def test_an_infinite_gradient_stays_where_it_belongs(backend):
    _, _, grad_x = _both(np.array([[1.0, 2], [4, 3]]), [[np.inf]], 2, backend=backend)
    assert grad_x.tolist() == [[0, 0], [np.inf, 0]]


@TELLINGS
def test_leftover_rows_get_no_gradient(backend):
    x = np.arange(15.0).reshape(3, 5)
    y, _, grad_x = _both(x, [[1, 1]], 2, backend=backend)
    assert y.tolist() == [[6, 8]]
    assert grad_x.sum() == 2
    assert not grad_x[2].any()
    assert not grad_x[:, 4].any()


@TELLINGS
@pytest.mark.parametrize(("kernel", "dtype"), [((16, 16), np.uint8), ((1, 257), np.int32)])
def test_argmax_is_as_small_as_fits(backend, kernel, dtype):
    x = np.zeros(kernel)
    x[-1, -1] = 1
    _, saved = max_pool2d.forward_saving(x, kernel, backend=backend)
    assert saved.argmax.dtype == dtype
    assert saved.argmax.item() == kernel[0] * kernel[1] - 1


@FEW
@given(geometries(pooling=True), st.integers(0, 2**16), st.integers(1, 3))
def test_random_geometry_with_ties(drawn, seed, high):
    """Every telling against a walking window, for integers from a small range: many ties."""
    size, options = drawn
    rng = np.random.default_rng(seed)
    x = rng.integers(-high, high, size=(2, 2, *size)).astype(float)
    if not _meets_everywhere(size, options):
        with pytest.raises(ShapeError, match="lies on padding alone"):
            max_pool2d.forward(x, **options)
        return
    expected_y, expected_argmax, winners = _walk(x, size, options)
    grad_y = rng.standard_normal(expected_y.shape)
    expected_grad = np.zeros_like(x)
    for place in np.ndindex(grad_y.shape):
        expected_grad[(*place[:2], *winners[place])] += grad_y[place]
    for backend in available("max_pool2d"):
        y, argmax, grad_x = _both(x, grad_y, **options, backend=backend)
        assert np.array_equal(y, expected_y)
        assert np.array_equal(argmax, expected_argmax)
        assert np.array_equal(max_pool2d.forward(x, **options, backend=backend), y)
        assert_equal_enough(grad_x, expected_grad)


@FEW
@given(geometries(pooling=True))
def test_random_geometry_numerically(drawn):
    size, options = drawn
    if not _meets_everywhere(size, options):
        return
    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 2 * size[0] * size[1]).reshape(2, 2, *size) / 4.0  # no ties
    y, saved = max_pool2d.forward_saving(x, **options)
    grad_y = rng.standard_normal(y.shape)
    grad_x = max_pool2d.backward_input(grad_y, saved)
    assert_gradient(lambda x: max_pool2d.forward(x, **options), x, grad_x, grad_y)


def _lines(size, options):
    window = Window.of("test", size, *options.values())
    return [
        positions(
            size[a], window.kernel[a], window.stride[a], window.padding[a], window.dilation[a]
        )
        for a in (0, 1)
    ]


def _meets_everywhere(size, options):
    return all(any(p is not None for p in line) for axis in _lines(size, options) for line in axis)


def _walk(x, size, options):
    """Walk over the padded image; in each window sort by value, then by place."""
    rows, cols = _lines(size, options)
    y = np.empty((*x.shape[:2], len(rows), len(cols)))
    argmax, winners = np.empty(y.shape, dtype=int), {}
    for n, c, p, q in np.ndindex(y.shape):
        places = [(row, col) for row in rows[p] for col in cols[q]]
        ranked = sorted(
            (-x[n, c, *place], k) for k, place in enumerate(places) if None not in place
        )
        y[n, c, p, q], argmax[n, c, p, q] = -ranked[0][0], ranked[0][1]
        winners[n, c, p, q] = places[ranked[0][1]]
    return y, argmax, winners


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    y, _, grad_x = _both(x, np.ones((2, 2)), 2, backend=backend)
    assert y.dtype == np.float32
    assert grad_x.dtype == np.float32
    for part in (x[0], x[0, 0]):
        part_y, argmax, part_grad = _both(part, np.ones((2, 2)), 2, backend=backend)
        assert argmax.shape == (1, 1, 2, 2)
        assert np.array_equal(part_y, y.reshape(part_y.shape))
        assert part_grad.shape == part.shape
        assert np.array_equal(part_grad, grad_x.reshape(part.shape))


@TELLINGS
def test_out_receives_the_result_and_saved_is_frozen(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 4))
    y = np.full((2, 3, 3, 2), np.nan)
    assert max_pool2d.forward(x, 2, out=y, backend=backend) is y
    again = np.full((2, 3, 3, 2), np.nan)
    given_back, saved = max_pool2d.forward_saving(x, 2, out=again, backend=backend)
    assert given_back is again
    assert np.array_equal(again, y)
    grad_x = np.full(x.shape, np.nan)
    assert max_pool2d.backward_input(y, saved, out=grad_x, backend=backend) is grad_x
    assert np.array_equal(grad_x, max_pool2d.backward_input(y, saved, backend=backend))
    with pytest.raises(dataclasses.FrozenInstanceError):
        saved.argmax = None


SETTINGS = pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 3, 6, 7), {"kernel_size": 2}),
        ((2, 3, 8, 7), {"kernel_size": (3, 2), "stride": (2, 1)}),
        ((2, 2, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((2, 2, 9, 8), {"kernel_size": (3, 2), "stride": 1, "dilation": (2, 3)}),
        ((2, 2, 6, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
        ((2, 2, 5, 5), {"kernel_size": 2, "padding": 1, "ceil_mode": True}),
        ((2, 2, 2, 1), {"kernel_size": (4, 2), "stride": 3, "ceil_mode": True}),
    ],
)


@TELLINGS
@SETTINGS
def test_against_onnx(backend, shape, options):
    x = np.random.default_rng(0).standard_normal(shape) - 10
    window = Window.of("test", shape[2:], **{"stride": options["kernel_size"], **_named(options)})
    (top, bottom), (left, right) = window.padding
    expected = onnx_run(
        "MaxPool",
        x,
        kernel_shape=window.kernel,
        strides=window.stride,
        dilations=window.dilation,
        pads=[top, left, bottom, right],
        ceil_mode=int(options.get("ceil_mode", False)),
    )
    assert_equal_enough(max_pool2d.forward(x, **options, backend=backend), expected)


def _named(options):
    return {"kernel" if key == "kernel_size" else key: value for key, value in options.items()}


@pytest.mark.oracle
@TELLINGS
@SETTINGS
def test_against_pytorch(backend, shape, options):
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 0, size=shape).astype(float)  # ties: PyTorch too takes the first
    y, saved = max_pool2d.forward_saving(x, **options, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    expected = torch_gradients(lambda F, x: F.max_pool2d(x, **options), grad_y, x)
    assert_equal_enough(y, expected[0])
    assert_equal_enough(max_pool2d.backward_input(grad_y, saved, backend=backend), expected[1])


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"max_pool2d.forward: .* height is 4, .* window spans 5"):
        max_pool2d.forward(x, 5)
    with pytest.raises(ShapeError, match=r"padding \(2, 2\) on the rows, a window of 2 .* alone"):
        max_pool2d.forward(x, 2, padding=2)
    with pytest.raises(ShapeError, match=r"padding \(0, 3\) on the columns, a window of 3 "):
        max_pool2d.forward_saving(x, 3, stride=1, padding=(0, (0, 3)))
    with pytest.raises(ShapeError, match="dilation 5"):  # the elements step over the whole image
        max_pool2d.forward(x, 2, stride=1, dilation=5, padding=1)
    with pytest.raises(DtypeError, match="x has dtype uint8"):
        max_pool2d.forward(x.astype("uint8"), 2)
    y, saved = max_pool2d.forward_saving(x, 2)
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\), but \(2, 3, 2, 2\) is expected"):
        max_pool2d.backward_input(x, saved)
    with pytest.raises(TapeError, match="saved is a tuple.*forward_saving"):
        max_pool2d.backward_input(y, x.shape)
