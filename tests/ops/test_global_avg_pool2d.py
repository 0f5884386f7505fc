"""global_avg_pool2d: by hand, numerically, and against other programs."""

import numpy as np
import pytest
from geometry import FEW, assert_equal_enough, assert_gradient, onnx_run, torch_gradients
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import avg_pool2d, global_avg_pool2d
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("global_avg_pool2d"))


@TELLINGS
def test_by_hand(backend):
    # (1 + 2 + 3 + 6) / 4 = 3    (0 + 4 - 4 + 8) / 4 = 2
    x = np.array([[[[1.0, 2], [3, 6]], [[0, 4], [-4, 8]]]])
    y = global_avg_pool2d.forward(x, backend=backend)
    assert y.tolist() == [[[[3]], [[2]]]]
    # each pixel took part with 1/4: 4 / 4 = 1 and -8 / 4 = -2
    grad_y = np.array([4.0, -8]).reshape(1, 2, 1, 1)
    grad_x = global_avg_pool2d.backward_input(grad_y, x.shape, backend=backend)
    assert grad_x.tolist() == [[[[1, 1], [1, 1]], [[-2, -2], [-2, -2]]]]
    grad_x[0, 0, 0, 0] = 5  # an array of its own, not a view of one number
    assert grad_x[0, 0, 1, 1] == 1


@FEW
@given(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)))
def test_random_sizes(shape):
    rng = np.random.default_rng(0)
    x, grad_y = rng.standard_normal(shape), rng.standard_normal((*shape[:2], 1, 1))
    for backend in available("global_avg_pool2d"):
        y = global_avg_pool2d.forward(x, backend=backend)
        # the same as one window over the whole map
        assert_equal_enough(y, avg_pool2d.forward(x, shape[2:], backend="loops"))
        grad_x = global_avg_pool2d.backward_input(grad_y, shape, backend=backend)
        expected = avg_pool2d.backward_input(grad_y, shape, shape[2:], backend="loops")
        assert_equal_enough(grad_x, expected)
    assert_gradient(global_avg_pool2d.forward, x, grad_x, grad_y)


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    y = global_avg_pool2d.forward(x, backend=backend)
    assert y.dtype == np.float32
    for part in (x[0], x[0, 0]):
        part_y = global_avg_pool2d.forward(part, backend=backend)
        assert part_y.shape == (*part.shape[:-2], 1, 1)
        assert part_y.item() == y.item()
        grad_x = global_avg_pool2d.backward_input(part_y, part.shape, backend=backend)
        assert grad_x.shape == part.shape
        assert grad_x.dtype == np.float32


@TELLINGS
def test_out_receives_the_result(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 4))
    y = np.full((2, 3, 1, 1), np.nan)
    assert global_avg_pool2d.forward(x, out=y, backend=backend) is y
    assert np.array_equal(y, global_avg_pool2d.forward(x, backend=backend))
    grad_x = np.full(x.shape, np.nan)
    assert global_avg_pool2d.backward_input(y, x.shape, out=grad_x, backend=backend) is grad_x
    assert np.array_equal(grad_x, global_avg_pool2d.backward_input(y, x.shape, backend=backend))


@TELLINGS
def test_against_onnx(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    expected = onnx_run("GlobalAveragePool", x)
    assert_equal_enough(global_avg_pool2d.forward(x, backend=backend), expected)


@pytest.mark.oracle
@TELLINGS
def test_against_pytorch(backend):
    rng = np.random.default_rng(0)
    x, grad_y = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 1, 1))
    y, grad_x = torch_gradients(lambda F, x: F.adaptive_avg_pool2d(x, 1), grad_y, x)
    assert_equal_enough(global_avg_pool2d.forward(x, backend=backend), y)
    actual = global_avg_pool2d.backward_input(grad_y, x.shape, backend=backend)
    assert_equal_enough(actual, grad_x)


def test_errors_say_what_came_and_what_was_expected():
    with pytest.raises(ShapeError, match="only the batch may be empty"):
        global_avg_pool2d.forward(np.zeros((2, 3, 0, 4)))
    with pytest.raises(ShapeError, match=r"x has shape \(4,\)"):
        global_avg_pool2d.forward(np.zeros(4))
    with pytest.raises(DtypeError, match="x has dtype int64"):
        global_avg_pool2d.forward(np.zeros((2, 2), dtype=int))
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\), but \(2, 3, 1, 1\) is expected"):
        global_avg_pool2d.backward_input(np.zeros((2, 3, 4, 4)), (2, 3, 4, 4))
