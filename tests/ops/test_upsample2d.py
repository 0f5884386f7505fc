"""upsample2d: by hand, the places' rules, numerically, and against other programs."""

import numpy as np
import pytest
from geometry import FEW, assert_equal_enough, assert_gradient, onnx_run, torch_gradients
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import upsample2d
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("upsample2d"))


@TELLINGS
def test_nearest_by_hand(backend):
    x = np.array([[1.0, 2], [3, 4]])
    y = upsample2d.forward(x, scale_factor=2, backend=backend)
    assert y.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    # rows stand at 0, 2/3, 4/3; columns at 0, 2/5, 4/5, 6/5, 8/5: rounded down
    y = upsample2d.forward(x, (3, 5), backend=backend)
    assert y.tolist() == [[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [3, 3, 3, 4, 4]]
    # each pixel collects its block
    grad_y = np.arange(1.0, 17).reshape(4, 4)
    grad_x = upsample2d.backward_input(grad_y, x.shape, scale_factor=2, backend=backend)
    # 1 + 2 + 5 + 6    3 + 4 + 7 + 8    9 + 10 + 13 + 14    11 + 12 + 15 + 16
    assert grad_x.tolist() == [[14, 22], [46, 54]]


@TELLINGS
def test_bilinear_by_hand(backend):
    how = {"mode": "bilinear", "backend": backend}
    # outputs stand at -1/4 (cut to 0), 1/4, 3/4 and 5/4 (cut to 1)
    x = np.array([[4.0, 8]])
    y = upsample2d.forward(x, (1, 4), **how)
    assert y.tolist() == [[4, 5, 7, 8]]
    # 4 has 1, 3/4 and 1/4 of the first three, 8 the rest: 1 + 3 + 2 = 6 and 1 + 6 - 4 = 3
    grad_y = np.array([[1.0, 4, 8, -4]])
    grad_x = upsample2d.backward_input(grad_y, x.shape, (1, 4), **how)
    assert grad_x.tolist() == [[6, 3]]
    # corners aligned: at 0, 1/3, 2/3 and 1, along rows and columns
    x = np.array([[0.0, 9], [9, 18]])
    y = upsample2d.forward(x, 4, align_corners=True, **how)
    expected = [[0.0, 3, 6, 9], [3, 6, 9, 12], [6, 9, 12, 15], [9, 12, 15, 18]]
    assert_equal_enough(y, np.array(expected))


@TELLINGS
def test_places_that_are_whole_come_out_whole(backend):
    """In floating point 49 * (1 / 49) is less than 1: no place may fall one pixel short."""
    for inputs in range(1, 60):
        x = np.arange(1.0, inputs + 1)[np.newaxis]
        for times in (1, 2, 3, 7):
            size = (1, inputs * times)
            y = upsample2d.forward(x, size, backend=backend)
            assert np.array_equal(y, np.repeat(x, times, axis=1))
        y = upsample2d.forward(x, (1, inputs), mode="bilinear", backend=backend)
        assert np.array_equal(y, x)


@TELLINGS
@pytest.mark.parametrize("corners", [False, True])
def test_a_ramp_stays_a_ramp(backend, corners):
    """Linear interpolation reproduces what is linear, but for what is cut at the edges."""
    x = np.add.outer(3.0 * np.arange(6), 2.0 * np.arange(5)) + 1
    how = {"mode": "bilinear", "align_corners": corners, "backend": backend}
    y = upsample2d.forward(x, (11, 14), **how)
    if corners:
        rows, columns = np.linspace(0, 5, 11), np.linspace(0, 4, 14)
    else:
        rows = np.clip((np.arange(11) + 0.5) * 6 / 11 - 0.5, 0, 5)
        columns = np.clip((np.arange(14) + 0.5) * 5 / 14 - 0.5, 0, 4)
    assert_equal_enough(y, np.add.outer(3 * rows, 2 * columns) + 1)


sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
scales = st.tuples(st.floats(1 / 6, 3.5), st.floats(1 / 6, 3.5))


@FEW
@given(
    st.integers(1, 20),
    sizes,
    st.one_of(sizes.map(lambda size: {"size": size}), scales.map(lambda s: {"scale_factor": s})),
    st.sampled_from([("nearest", False), ("bilinear", False), ("bilinear", True)]),
)
def test_random_sizes(C, size, to, how):
    options = {**to, "mode": how[0], "align_corners": how[1]}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, C, *size))
    results = []
    for backend in available("upsample2d"):
        try:
            y = upsample2d.forward(x, **options, backend=backend)
        except ShapeError as error:
            assert "leaves nothing" in str(error)
            return
        grad_y = np.random.default_rng(1).standard_normal(y.shape)
        grad_x = upsample2d.backward_input(grad_y, x.shape, **options, backend=backend)
        results.append((y, grad_x))
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            assert_equal_enough(actual, expected)
    y, grad_x = results[-1]
    assert_gradient(lambda x: upsample2d.forward(x, **options), x, grad_x, grad_y)
    # the exact adjoint: <A x, g> = <x, A' g>
    assert abs(np.sum(y * grad_y) - np.sum(x * grad_x)) <= 1e-11 * x.size


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    how = {"scale_factor": (1.5, 2), "mode": "bilinear", "backend": backend}
    y = upsample2d.forward(x, **how)
    grad_x = upsample2d.backward_input(y, x.shape, **how)
    assert y.dtype == grad_x.dtype == np.float32
    for part in (x[0], x[0, 0]):
        part_y = upsample2d.forward(part, **how)
        assert part_y.shape == (*part.shape[:-2], 7, 8)
        assert np.array_equal(part_y, y.reshape(part_y.shape))
        part_grad = upsample2d.backward_input(part_y, part.shape, **how)
        assert np.array_equal(part_grad, grad_x.reshape(part.shape))


@TELLINGS
def test_out_receives_the_result_and_an_empty_batch(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 4))
    how = {"scale_factor": 2, "backend": backend}
    y = np.full((2, 3, 6, 8), np.nan)
    assert upsample2d.forward(x, **how, out=y) is y
    assert np.array_equal(y, upsample2d.forward(x, **how))
    grad_x = np.full(x.shape, np.nan)
    assert upsample2d.backward_input(y, x.shape, **how, out=grad_x) is grad_x
    assert np.array_equal(grad_x, upsample2d.backward_input(y, x.shape, **how))
    assert upsample2d.forward(x[:0], **how).shape == (0, 3, 6, 8)
    assert upsample2d.backward_input(y[:0], (0, 3, 3, 4), **how).shape == (0, 3, 3, 4)


@TELLINGS
def test_what_is_not_finite_stays_where_it_belongs(backend):
    if backend == "matrix":
        pytest.skip("a product with zeros spreads it, as the contract says")
    x = np.ones((1, 20, 4, 4), "float32")
    x[0, 17, 1, 2] = np.nan
    y = upsample2d.forward(x, scale_factor=2, backend=backend)
    touched = np.zeros(y.shape, bool)
    touched[0, 17, 2:4, 4:6] = True
    assert np.array_equal(np.isnan(y), touched)


ORACLE = pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((2, 3, 4, 5), {"scale_factor": 2}),
        ((2, 3, 4, 5), {"scale_factor": (3.0, 1.5)}),
        ((1, 2, 8, 6), {"scale_factor": (0.5, 0.75)}),
        ((2, 2, 5, 7), {"size": (8, 4)}),
        ((1, 2, 3, 4), {"size": (3, 9)}),
    ],
)
HOW = pytest.mark.parametrize(
    "how",
    [{}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}],
    ids=["nearest", "bilinear", "corners"],
)


@TELLINGS
@ORACLE
@HOW
def test_against_onnx(backend, shape, to, how):
    x = np.random.default_rng(0).standard_normal(shape)
    y = upsample2d.forward(x, **to, **how, backend=backend)
    nothing = np.array([], dtype=np.float64)
    corners = len(how) > 1
    if "size" in to or corners:  # a length of 7.5 would be aligned as such there
        sizes = (nothing, nothing, np.array([*shape[:2], *y.shape[2:]], dtype=np.int64))
    else:
        scale = to["scale_factor"]
        sizes = (nothing, np.array([1, 1, *(scale if isinstance(scale, tuple) else (scale,) * 2)]))
    where = "asymmetric" if not how else "align_corners" if corners else "half_pixel"
    expected = onnx_run(
        "Resize",
        x,
        *sizes,
        mode="linear" if how else "nearest",
        nearest_mode="floor",
        coordinate_transformation_mode=where,
    )
    assert_equal_enough(y, expected)


@pytest.mark.oracle
@TELLINGS
@ORACLE
@HOW
def test_against_pytorch(backend, shape, to, how):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y = upsample2d.forward(x, **to, **how, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    corners = how.get("align_corners", False) if how else None
    theirs = {**to, "mode": how.get("mode", "nearest"), "align_corners": corners}
    expected = torch_gradients(lambda F, x: F.interpolate(x, **theirs), grad_y, x)
    assert_equal_enough(y, expected[0])
    grad_x = upsample2d.backward_input(grad_y, shape, **to, **how, backend=backend)
    assert_equal_enough(grad_x, expected[1])


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 4))
    for size in (0, (2, 0), (1, 2, 3), "same", 2.5, True):
        with pytest.raises(ShapeError, match="upsample2d.forward: size=.*at least 1"):
            upsample2d.forward(x, size)
    for scale in (0, -1, np.nan, np.inf, (2, 0), (1, 2, 3), "2", True):
        with pytest.raises(ShapeError, match="upsample2d.forward: scale_factor=.*above 0"):
            upsample2d.forward(x, scale_factor=scale)
    with pytest.raises(ShapeError, match="scale_factor=.* leaves nothing of a map of 4 x 4"):
        upsample2d.forward(x, scale_factor=0.2)
    with pytest.raises(ShapeError, match="400000000000 rows are asked for"):
        upsample2d.forward(x, scale_factor=1e11)
    with pytest.raises(ArgumentError, match="neither given, but one of size and scale_factor"):
        upsample2d.forward(x)
    with pytest.raises(ArgumentError, match="mode='bicubic'.*'nearest' or 'bilinear'"):
        upsample2d.forward(x, 2, mode="bicubic")
    with pytest.raises(ArgumentError, match="align_corners=True with mode='nearest'"):
        upsample2d.forward(x, 2, align_corners=True)
    with pytest.raises(ShapeError, match="only the batch may be empty"):
        upsample2d.forward(x[:, :, :0], 2)
    with pytest.raises(DtypeError, match="x has dtype uint8"):
        upsample2d.forward(x.astype("uint8"), 2)
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\), but \(2, 3, 8, 8\) is expected"):
        upsample2d.backward_input(x, x.shape, scale_factor=2)
