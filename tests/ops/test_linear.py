"""The fully connected layer: worked by hand, its errors, its gradients, PyTorch and ONNX."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearconv.errors import DtypeError, ShapeError
from clearconv.ops import linear
from clearconv.ops.tellings import available

TELLINGS = pytest.mark.parametrize("backend", available("linear"))

X = np.array([[1, 2, 0], [-1, 0, 3]], dtype=float)
WEIGHT = np.array([[1, 0, 2], [-1, 1, 0]], dtype=float)
BIAS = np.array([0.5, 0.0])
GRAD_Y = np.array([[1, 2], [0, -1]], dtype=float)


@TELLINGS
def test_worked_by_hand(backend):
    # y[0] = ( 1*1 + 0*2 + 2*0 + 0.5, -1*1 + 1*2 + 0*0) = (1.5, 1)
    # y[1] = ( 1*-1 + 0*0 + 2*3 + 0.5, -1*-1 + 1*0 + 0*3) = (5.5, 1)
    y = linear.forward(X, WEIGHT, BIAS, backend=backend)
    assert y.tolist() == [[1.5, 1], [5.5, 1]]
    # dx[0] = 1*(1, 0, 2) + 2*(-1, 1, 0) = (-1, 2, 2);  dx[1] = -1*(-1, 1, 0) = (1, -1, 0)
    grad_x = linear.backward_input(GRAD_Y, WEIGHT, backend=backend)
    assert grad_x.tolist() == [[-1, 2, 2], [1, -1, 0]]
    # dw[0] = 1*(1, 2, 0) + 0*(-1, 0, 3) = (1, 2, 0)
    # dw[1] = 2*(1, 2, 0) - 1*(-1, 0, 3) = (3, 4, -3)
    grad_weight = linear.backward_weight(GRAD_Y, X, backend=backend)
    assert grad_weight.tolist() == [[1, 2, 0], [3, 4, -3]]
    # db = (1 + 0, 2 - 1)
    assert linear.backward_bias(GRAD_Y, backend=backend).tolist() == [1, 1]


def test_one_sample_is_a_row_of_a_batch():
    assert linear.forward(X[1], WEIGHT, BIAS).tolist() == [5.5, 1]
    assert linear.backward_input(GRAD_Y[0], WEIGHT).tolist() == [-1, 2, 2]
    assert linear.backward_weight(GRAD_Y[0], X[0]).tolist() == [[1, 2, 0], [2, 4, 0]]
    assert linear.backward_bias(GRAD_Y[0]).tolist() == [1, 2]


def test_out_receives_every_result():
    calls = {
        (2, 2): lambda out: linear.forward(X, WEIGHT, BIAS, out=out),
        (2, 3): lambda out: linear.backward_input(GRAD_Y, WEIGHT, out=out),
        (2,): lambda out: linear.backward_bias(GRAD_Y, out=out),
    }
    for shape, call in calls.items():
        out = np.full(shape, np.nan)
        assert call(out) is out
        assert np.isfinite(out).all()
    out = np.full((2, 3), np.nan)
    assert linear.backward_weight(GRAD_Y, X, out=out) is out
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear.forward(X[:, :2], WEIGHT), "x has 2 features .* expects 3"),
        (lambda: linear.forward(np.zeros((2, 1, 3, 3)), WEIGHT), "Flatten images first"),
        (lambda: linear.forward(X, WEIGHT, np.zeros(3)), r"bias has shape \(3,\), but \(2,\)"),
        (lambda: linear.forward(X, WEIGHT[0]), "weight has shape .* 1 axes, but 2"),
        (lambda: linear.backward_input(GRAD_Y[:, :1], WEIGHT), r"\(2, 1\), but \(2, 2\)"),
        (lambda: linear.backward_weight(GRAD_Y[:1], X), "the same samples"),
        (lambda: linear.backward_weight(GRAD_Y[0], X[:1]), "the same samples"),
    ],
)
def test_shape_errors_say_what_to_do(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_dtypes_are_never_converted():
    with pytest.raises(DtypeError, match="x float64, weight float32"):
        linear.forward(X, WEIGHT.astype("float32"))
    with pytest.raises(DtypeError, match="int64"):
        linear.forward(X.astype("int64"), WEIGHT)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(*[st.integers(1, 6)] * 3),
    seed=st.integers(0, 1000),
    backend=st.sampled_from(available("linear")),
)
def test_gradients_against_differences(sizes, seed, backend):
    N, I, O = sizes
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape) for shape in ((N, I), (O, I), (O,))]
    grad_y = rng.standard_normal((N, O))
    grads = [
        linear.backward_input(grad_y, values[1], backend=backend),
        linear.backward_weight(grad_y, values[0], backend=backend),
        linear.backward_bias(grad_y, backend=backend),
    ]
    for index, grad in enumerate(grads):
        way = rng.standard_normal(grad.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = [v + step * way if k == index else v for k, v in enumerate(values)]
            ends.append(np.sum(linear.forward(*moved, backend=backend) * grad_y))
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(grad * way), abs=1e-7, rel=1e-6)


def test_against_onnx_gemm():
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    rng = np.random.default_rng(3)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((5, 7), (4, 7), (4,)))
    graph = onnx.helper.make_graph(
        [node],
        "gemm",
        [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None)
            for name in ("x", "w", "b")
        ],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)],
    )
    expected = reference.ReferenceEvaluator(onnx.helper.make_model(graph)).run(
        None, {"x": x, "w": weight, "b": bias}
    )[0]
    for backend in available("linear"):
        y = linear.forward(x, weight, bias, backend=backend)
        assert np.max(np.abs(y - expected)) < 1e-12


@pytest.mark.oracle
def test_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(shape) for shape in ((5, 7), (4, 7), (4,))]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = torch.nn.functional.linear(*tensors)
    grad_y = rng.standard_normal((5, 4))
    expected.backward(torch.tensor(grad_y))
    got = [
        linear.forward(*arrays),
        linear.backward_input(grad_y, arrays[1]),
        linear.backward_weight(grad_y, arrays[0]),
        linear.backward_bias(grad_y),
    ]
    for mine, theirs in zip(got, [expected.detach(), *(t.grad for t in tensors)], strict=True):
        assert np.max(np.abs(mine - theirs.numpy())) < 1e-12
