"""Squared error: by hand in every reduction, its sign, its errors, PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import ArgumentError, DtypeError, ShapeError
from clearconv.ops import squared_error
from clearconv.ops.tellings import available

BACKENDS = available("squared_error")
X, TARGET = np.array([[1.0, 4.0]]), np.array([[3.0, 3.0]])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("reduction", "loss", "grad_x"),
    [
        # x - t = (-2, 1), squares (4, 1).
        ("half_sum", 2.5, [[-2, 1]]),
        ("sum", 5, [[-4, 2]]),
        ("mean", 2.5, [[-2, 1]]),  # 5 / 2, and 2 (x - t) / 2
        ("none", [[4, 1]], [[-4, 2]]),
    ],
)
def test_worked_by_hand(backend, reduction, loss, grad_x):
    got, saved = squared_error.forward_saving(X, TARGET, reduction, backend=backend)
    assert got.tolist() == loss
    one = np.ones(got.shape)
    assert squared_error.backward_input(saved, one, backend=backend).tolist() == grad_x
    doubled = squared_error.backward_input(saved, 2.0, backend=backend)
    assert doubled.tolist() == (2 * np.array(grad_x)).tolist()


def test_mean_is_over_all_elements_and_half_sum_over_none():
    x, target = np.ones((3, 2)), np.zeros((3, 2))
    assert float(squared_error.forward(x, target)) == 1
    assert float(squared_error.forward(x, target, "half_sum")) == 3


def test_a_step_against_the_gradient_brings_the_output_nearer():
    _, saved = squared_error.forward_saving(X, TARGET, "half_sum")
    nearer = X - 0.1 * squared_error.backward_input(saved)
    assert (np.abs(nearer - TARGET) < np.abs(X - TARGET)).all()


@pytest.mark.parametrize("reduction", squared_error.REDUCTIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_axes(reduction, backend):
    x = np.array(3.0, dtype="float32")
    loss, saved = squared_error.forward_saving(x, np.zeros_like(x), reduction, backend=backend)
    grad_x = squared_error.backward_input(saved, backend=backend)
    assert loss.shape == grad_x.shape == () and loss.dtype == grad_x.dtype == np.float32


def test_errors():
    with pytest.raises(ShapeError, match="nothing is broadcast"):
        squared_error.forward(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(ArgumentError, match="choose one of mean, sum, half_sum, none"):
        squared_error.forward(X, TARGET, "half_mean")
    with pytest.raises(DtypeError, match="dtypes differ"):
        squared_error.forward(X, TARGET.astype("float32"))
    _, saved = squared_error.forward_saving(X, TARGET)
    with pytest.raises(ShapeError, match="the shape of the loss"):
        squared_error.backward_input(saved, np.ones((1, 2)))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(1, 4), max_size=3),
    reduction=st.sampled_from(squared_error.REDUCTIONS),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradient_against_differences(shape, reduction, seed, backend):
    rng = np.random.default_rng(seed)
    x, target, way = rng.standard_normal((3, *shape))
    x, target, way = np.asarray(x), np.asarray(target), np.asarray(way)

    def forward(x):
        return squared_error.forward_saving(np.asarray(x), target, reduction, backend=backend)

    loss, saved = forward(x)
    grad_y = np.asarray(rng.standard_normal(loss.shape))
    grad_x = squared_error.backward_input(saved, grad_y, backend=backend)
    ends = [np.sum(forward(x + s * way)[0] * grad_y) for s in (1e-5, -1e-5)]
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(np.sum(grad_x * way), abs=1e-7, rel=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_against_pytorch(reduction):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((2, 3, 4, 5))
    tensor = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.mse_loss(tensor, torch.tensor(target), reduction=reduction)
    grad_y = np.asarray(rng.standard_normal(tuple(expected.shape)))
    expected.backward(torch.tensor(grad_y))
    for backend in BACKENDS:
        loss, saved = squared_error.forward_saving(x, target, reduction, backend=backend)
        grad_x = squared_error.backward_input(saved, grad_y, backend=backend)
        assert np.max(np.abs(loss - expected.detach().numpy())) < 1e-12
        assert np.max(np.abs(grad_x - tensor.grad.numpy())) < 1e-13
