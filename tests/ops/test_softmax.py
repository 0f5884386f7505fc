"""Softmax: by hand, far from zero, along any axis, ONNX and PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import softmax
from clearconv.ops.tellings import available

BACKENDS = available("softmax")


@pytest.mark.parametrize("backend", BACKENDS)
def test_worked_by_hand(backend):
    # Powers 1, 2, 5, sum 8.
    y = softmax.forward(np.log([[1.0, 2.0, 5.0]]), backend=backend)
    assert y == pytest.approx(np.array([[0.125, 0.25, 0.625]]))
    # dy = (0, 0, 8): Σ dy y = 8 * 5/8 = 5, so dx = (1/8 (0-5), 2/8 (0-5), 5/8 (8-5)).
    grad_y = np.array([[0.0, 0.0, 8.0]])
    grad_x = softmax.backward_input(grad_y, np.array([[0.125, 0.25, 0.625]]), backend=backend)
    assert grad_x == pytest.approx(np.array([[-0.625, -1.25, 1.875]]))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_from_zero_each_row_keeps_its_own_largest(backend, dtype):
    x = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [3, 3, 3]], dtype=dtype)
    y = softmax.forward(x, backend=backend)
    third = np.full(3, 1 / 3)
    assert y == pytest.approx(np.array([[1, 0, 0], third, third]), rel=1e-6)
    assert np.isfinite(softmax.backward_input(np.ones_like(x), y, backend=backend)).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_sums_to_one_along_the_axis_and_its_gradient_to_zero(axis, backend):
    rng = np.random.default_rng(0)
    x, grad_y = rng.standard_normal((2, 3, 4, 5))
    y = softmax.forward(x, axis, backend=backend)
    assert np.max(np.abs(y.sum(axis=axis) - 1)) < 1e-14
    grad_x = softmax.backward_input(grad_y, y, axis, backend=backend)
    assert np.max(np.abs(grad_x.sum(axis=axis))) < 1e-14


def test_out_receives_the_result():
    x, out = np.zeros((2, 4)), np.empty((2, 4))
    assert softmax.forward(x, out=out) is out
    assert (out == 0.25).all()
    assert softmax.backward_input(x, out.copy(), out=out) is out
    assert (out == 0).all()


def test_errors():
    with pytest.raises(ShapeError, match="axis=2, but x has shape"):
        softmax.forward(np.zeros((2, 3)), axis=2)
    with pytest.raises(ShapeError, match="no classes along axis -1"):
        softmax.forward(np.zeros((2, 0)))
    with pytest.raises(DtypeError, match="int64"):
        softmax.forward(np.zeros((2, 3), dtype="int64"))
    with pytest.raises(ShapeError, match=r"grad_y has shape \(3, 2\)"):
        softmax.backward_input(np.zeros((3, 2)), np.zeros((2, 3)))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    data=st.data(),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(BACKENDS),
)
def test_gradient_against_differences(shape, data, seed, backend):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(seed)
    x, grad_y, way = rng.standard_normal((3, *shape))
    y = softmax.forward(x, axis, backend=backend)
    grad_x = softmax.backward_input(grad_y, y, axis, backend=backend)
    ends = [np.sum(softmax.forward(x + s * way, axis) * grad_y) for s in (1e-6, -1e-6)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad_x * way), abs=1e-7, rel=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_against_onnx(axis):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node("Softmax", ["x"], ["y"], axis=axis)
    info = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xy"
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "softmax", info[:1], info[1:]))
    x = np.random.default_rng(1).standard_normal((3, 4, 5)) * 5
    expected = reference.ReferenceEvaluator(model).run(None, {"x": x})[0]
    for backend in BACKENDS:
        assert np.max(np.abs(softmax.forward(x, axis, backend=backend) - expected)) < 1e-14


@pytest.mark.oracle
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_against_pytorch(axis):
    torch = pytest.importorskip("torch")
    x, grad_y = np.random.default_rng(2).standard_normal((2, 3, 4, 5)) * 3
    tensor = torch.tensor(x, requires_grad=True)
    expected = torch.softmax(tensor, axis)
    expected.backward(torch.tensor(grad_y))
    for backend in BACKENDS:
        y = softmax.forward(x, axis, backend=backend)
        grad_x = softmax.backward_input(grad_y, y, axis, backend=backend)
        assert np.max(np.abs(y - expected.detach().numpy())) < 1e-14
        assert np.max(np.abs(grad_x - tensor.grad.numpy())) < 1e-13
