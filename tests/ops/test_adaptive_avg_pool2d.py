"""adaptive_avg_pool2d: by hand, the cells' rule, numerically, and against other programs."""

import numpy as np
import pytest
from geometry import FEW, assert_equal_enough, assert_gradient, torch_gradients
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("adaptive_avg_pool2d"))


@TELLINGS
def test_by_hand(backend):
    # three columns in two cells: 0 up to 1.5 rounded up, and 1.5 rounded down up to 3
    # 1 3 5    cell 0 holds columns 0 and 1: (1 + 3 + 2 + 0) / 4 = 1.5
    # 2 0 4    cell 1 holds columns 1 and 2: (3 + 5 + 0 + 4) / 4 = 3
    x = np.array([[1.0, 3, 5], [2, 0, 4]])
    y = adaptive_avg_pool2d.forward(x, (1, 2), backend=backend)
    assert y.tolist() == [[1.5, 3]]
    # a pixel has 1/4 of its cell; the middle column is in both: 4 / 4 - 8 / 4 = -1
    grad_y = np.array([[4.0, -8]])
    grad_x = adaptive_avg_pool2d.backward_input(grad_y, x.shape, (1, 2), backend=backend)
    assert grad_x.tolist() == [[1, -1, -2], [1, -1, -2]]


@TELLINGS
@pytest.mark.parametrize(
    ("inputs", "outputs", "cells"),
    [
        (6, 3, [(0, 1), (2, 3), (4, 5)]),
        # 7/3 = 2.33: [0, 2.33) [2.33, 4.67) [4.67, 7)
        (7, 3, [(0, 1, 2), (2, 3, 4), (4, 5, 6)]),
        # 5/4 = 1.25: [0, 1.25) [1.25, 2.5) [2.5, 3.75) [3.75, 5)
        (5, 4, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        # 2/5 = 0.4: [0, 0.4) [0.4, 0.8) [0.8, 1.2) [1.2, 1.6) [1.6, 2)
        (2, 5, [(0,), (0,), (0, 1), (1,), (1,)]),
    ],
)
def test_cells(backend, inputs, outputs, cells):
    """With a one in a single pixel, the cells that hold it show 1 / size."""
    expected = np.zeros((outputs, inputs))
    for output, pixels in enumerate(cells):
        expected[output, list(pixels)] = 1 / len(pixels)
    for axis in (0, 1):
        one_by_one = np.eye(inputs)[:, np.newaxis]  # an image for each pixel
        x = np.expand_dims(one_by_one, 3 - axis)
        size = (outputs, 1) if axis == 0 else (1, outputs)
        y = adaptive_avg_pool2d.forward(x, size, backend=backend)
        assert_equal_enough(y.reshape(inputs, outputs).T.copy(), expected)


sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@FEW
@given(st.integers(1, 3), st.integers(1, 20), sizes, sizes)
def test_random_sizes(N, C, size, output_size):
    rng = np.random.default_rng(0)
    x, grad_y = rng.standard_normal((N, C, *size)), rng.standard_normal((N, C, *output_size))
    expected = np.empty(grad_y.shape)
    for p, q in np.ndindex(output_size):
        (top, bottom), (left, right) = (
            (int(np.floor(u * own / out)), int(np.ceil((u + 1) * own / out)))
            for u, own, out in zip((p, q), size, output_size, strict=True)
        )
        expected[:, :, p, q] = x[:, :, top:bottom, left:right].mean(axis=(2, 3))
    grads = []
    for backend in available("adaptive_avg_pool2d"):
        how = {"output_size": output_size, "backend": backend}
        assert_equal_enough(adaptive_avg_pool2d.forward(x, **how), expected)
        grads.append(adaptive_avg_pool2d.backward_input(grad_y, x.shape, **how))
        assert_equal_enough(grads[-1], grads[0])
    assert_gradient(lambda x: adaptive_avg_pool2d.forward(x, output_size), x, grads[0], grad_y)


@TELLINGS
def test_what_other_poolings_do(backend):
    x = np.random.default_rng(0).standard_normal((2, 5, 8, 6))
    how = {"backend": backend}
    expected = avg_pool2d.forward(x, (4, 2), backend="loops")
    assert_equal_enough(adaptive_avg_pool2d.forward(x, (2, 3), **how), expected)
    expected = global_avg_pool2d.forward(x, backend="loops")
    assert_equal_enough(adaptive_avg_pool2d.forward(x, 1, **how), expected)
    for own in (None, (None, None), (8, None), (None, 6)):
        y = adaptive_avg_pool2d.forward(x, own, **how)
        assert np.array_equal(y, x)
        assert not np.may_share_memory(x, y)


@TELLINGS
def test_map_image_and_batch(backend):
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 4)).astype("float32")
    y = adaptive_avg_pool2d.forward(x, (2, 3), backend=backend)
    grad_x = adaptive_avg_pool2d.backward_input(y, x.shape, (2, 3), backend=backend)
    assert y.dtype == grad_x.dtype == np.float32
    for part in (x[0], x[0, 0]):
        part_y = adaptive_avg_pool2d.forward(part, (2, 3), backend=backend)
        assert part_y.shape == (*part.shape[:-2], 2, 3)
        assert np.array_equal(part_y, y.reshape(part_y.shape))
        part_grad = adaptive_avg_pool2d.backward_input(part_y, part.shape, (2, 3), backend=backend)
        assert part_grad.shape == part.shape
        assert np.array_equal(part_grad, grad_x.reshape(part.shape))


@TELLINGS
def test_out_receives_the_result(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 4))
    how = {"output_size": 3, "backend": backend}
    y = np.full((2, 3, 3, 3), np.nan)
    assert adaptive_avg_pool2d.forward(x, **how, out=y) is y
    assert np.array_equal(y, adaptive_avg_pool2d.forward(x, **how))
    grad_x = np.full(x.shape, np.nan)
    assert adaptive_avg_pool2d.backward_input(y, x.shape, **how, out=grad_x) is grad_x
    assert np.array_equal(grad_x, adaptive_avg_pool2d.backward_input(y, x.shape, **how))


@TELLINGS
def test_an_empty_batch(backend):
    y = adaptive_avg_pool2d.forward(np.zeros((0, 3, 5, 4)), 2, backend=backend)
    assert y.shape == (0, 3, 2, 2)
    grad_x = adaptive_avg_pool2d.backward_input(y, (0, 3, 5, 4), 2, backend=backend)
    assert grad_x.shape == (0, 3, 5, 4)


@pytest.mark.oracle
@TELLINGS
@pytest.mark.parametrize(
    ("shape", "output_size"),
    [
        ((2, 3, 6, 8), (3, 4)),
        ((2, 3, 7, 5), (3, 2)),
        ((2, 3, 7, 5), 7),
        ((2, 3, 3, 4), (8, 9)),
        ((2, 3, 7, 5), (None, 2)),
        ((3, 10, 13), (6, 5)),
    ],
)
def test_against_pytorch(backend, shape, output_size):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y = adaptive_avg_pool2d.forward(x, output_size, backend=backend)
    grad_y = rng.standard_normal(y.shape)
    expected = torch_gradients(lambda F, x: F.adaptive_avg_pool2d(x, output_size), grad_y, x)
    assert_equal_enough(y, expected[0])
    grad_x = adaptive_avg_pool2d.backward_input(grad_y, shape, output_size, backend=backend)
    assert_equal_enough(grad_x, expected[1])


def test_errors_say_what_came_and_what_was_expected():
    x = np.zeros((2, 3, 4, 4))
    for size in (0, -1, (2, 0), (1, 2, 3), "same", 2.5, True):
        with pytest.raises(ShapeError, match=r"adaptive_avg_pool2d.forward: output_size=.*None"):
            adaptive_avg_pool2d.forward(x, size)
    with pytest.raises(ShapeError, match="only the batch may be empty"):
        adaptive_avg_pool2d.forward(x[:, :, :0], 2)
    with pytest.raises(ShapeError, match=r"x has shape \(4,\)"):
        adaptive_avg_pool2d.forward(np.zeros(4), 2)
    with pytest.raises(DtypeError, match="x has dtype uint8"):
        adaptive_avg_pool2d.forward(x.astype("uint8"), 2)
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 4\), but \(2, 3, 2, 2\) is expected"):
        adaptive_avg_pool2d.backward_input(x, x.shape, 2)
    with pytest.raises(ShapeError, match=r"x_shape is \(4,\)"):
        adaptive_avg_pool2d.backward_input(x, (4,), 2)
